import { randomUUID } from 'node:crypto';
import type { Collection } from '../../journal';
import { badRequest, notFound } from './devops-error';
import type { Organization } from './organization';

export const commentTypes = ['unknown', 'text', 'codeChange', 'system'] as const;
export const threadStatuses = ['unknown', 'active', 'fixed', 'wontFix', 'closed', 'byDesign', 'pending'] as const;
/** The service's own limit for a comment, in characters. */
const commentLimit = 150_000;

export interface Repository {
  id: string;
  name: string;
  defaultBranch: string;
}

export interface Comment {
  id: number;
  parentCommentId: number;
  content: string;
  commentType: (typeof commentTypes)[number];
  publishedDate: string;
  lastUpdatedDate: string;
  isDeleted?: true;
}

export interface Thread {
  id: number;
  status: (typeof threadStatuses)[number];
  comments: Comment[];
  properties: Record<string, { $type: string; $value: unknown }>;
  publishedDate: string;
  lastUpdatedDate: string;
}

export interface PullRequest {
  id: number;
  repositoryId: string;
  title: string;
  description: string;
  /** refs/heads/… */
  sourceRefName: string;
  targetRefName: string;
  status: 'active' | 'completed' | 'abandoned';
  creationDate: string;
  threads: Thread[];
  /** Files that comments show. */
  attachments: { id: number; name: string; created: string; content: string }[];
}

/** The project's repositories and their pull requests. */
export class PullRequests {
  readonly #repositories: Collection<Repository>;
  readonly #requests: Collection<PullRequest>;

  constructor(organization: Organization) {
    const { journal } = organization.options;
    this.#repositories = journal.collection('devops-repositories');
    this.#requests = journal.collection('devops-pull-requests');
  }

  repositories(): Repository[] {
    return [...this.#repositories.entries()].map(([, repository]) => repository);
  }

  /** The repository of that name, made at first use. */
  ensureRepository(name: string): Repository {
    const known = this.repositories().find(repository => repository.name.toLowerCase() === name.toLowerCase());
    if (known) return known;
    const made = { id: randomUUID(), name, defaultBranch: 'refs/heads/main' };
    this.#repositories.set(made.id, made);
    return made;
  }

  /** By id or name. @throws DevOpsError 404 */
  repository(given: string): Repository {
    const wanted = given.toLowerCase();
    const found = this.repositories().find(one => one.id === wanted || one.name.toLowerCase() === wanted);
    if (found) return found;
    throw notFound(
      'GitRepositoryNotFoundException',
      `TF401019: The Git repository with name or identifier ${given} does not exist or you do not have permissions for the operation you are attempting.`,
    );
  }

  add(
    o: Pick<PullRequest, 'repositoryId' | 'title' | 'sourceRefName' | 'targetRefName'> & { description?: string },
  ): PullRequest {
    const made: PullRequest = {
      id: Math.max(0, ...this.list().map(one => one.id)) + 1,
      description: '',
      ...o,
      status: 'active',
      creationDate: new Date().toISOString(),
      threads: [],
      attachments: [],
    };
    this.#requests.set(String(made.id), made);
    return made;
  }

  list(): PullRequest[] {
    return [...this.#requests.entries()].map(([, request]) => request);
  }

  /** @throws DevOpsError 404 */
  get(id: number, repository?: Repository): PullRequest {
    const found = this.#requests.get(String(id));
    if (found && (repository === undefined || found.repositoryId === repository.id)) return found;
    throw notFound('GitPullRequestNotFoundException', 'TF401180: The requested pull request was not found.');
  }

  /** @throws DevOpsError 404 */
  thread(request: PullRequest, threadId: number): Thread {
    const found = request.threads.find(thread => thread.id === threadId);
    if (found) return found;
    throw notFound('CommentThreadNotFoundException', `The comment thread with id ${threadId} could not be found.`);
  }

  /** @throws DevOpsError 404 */
  comment(thread: Thread, commentId: number): Comment {
    const found = thread.comments.find(comment => comment.id === commentId);
    if (found) return found;
    throw notFound('CommentNotFoundException', `The comment with id ${commentId} could not be found.`);
  }

  /** @param content bytes as base64 @throws DevOpsError 400 for a name that is taken */
  attach(request: PullRequest, name: string, content: string): PullRequest['attachments'][number] {
    if (request.attachments.some(one => one.name.toLowerCase() === name.toLowerCase()))
      throw badRequest(`An attachment with the name ${name} already exists.`, 'GitPullRequestAttachmentException');
    const made = { id: request.attachments.length + 1, name, created: new Date().toISOString(), content };
    this.#set({ ...request, attachments: [...request.attachments, made] });
    return made;
  }

  addThread(request: PullRequest, o: Pick<Thread, 'status' | 'properties'> & { comments: NewComment[] }): Thread {
    const now = new Date().toISOString();
    const made: Thread = {
      id: Math.max(0, ...request.threads.map(thread => thread.id)) + 1,
      status: o.status,
      properties: o.properties,
      comments: [],
      publishedDate: now,
      lastUpdatedDate: now,
    };
    for (const comment of o.comments) made.comments.push(newComment(made, comment));
    this.#set({ ...request, threads: [...request.threads, made] });
    return made;
  }

  changeThread(request: PullRequest, thread: Thread, change: Partial<Thread>): Thread {
    const changed = { ...thread, ...change, lastUpdatedDate: new Date().toISOString() };
    this.#set({ ...request, threads: request.threads.map(one => (one.id === thread.id ? changed : one)) });
    return changed;
  }

  addComment(request: PullRequest, thread: Thread, comment: NewComment): Comment {
    const made = newComment(thread, comment);
    this.changeThread(request, thread, { comments: [...thread.comments, made] });
    return made;
  }

  changeComment(request: PullRequest, thread: Thread, comment: Comment, change: Partial<Comment>): Comment {
    if (change.content !== undefined) requireLength(change.content);
    const changed = { ...comment, ...change, lastUpdatedDate: new Date().toISOString() };
    const comments = thread.comments.map(one => (one.id === comment.id ? changed : one));
    this.changeThread(request, thread, { comments });
    return changed;
  }

  #set(request: PullRequest): void {
    this.#requests.set(String(request.id), request);
  }
}

export type NewComment = Pick<Comment, 'content' | 'commentType' | 'parentCommentId'>;

function newComment(thread: Thread, comment: NewComment): Comment {
  requireLength(comment.content);
  const now = new Date().toISOString();
  const id = Math.max(0, ...thread.comments.map(one => one.id)) + 1;
  return { id, ...comment, publishedDate: now, lastUpdatedDate: now };
}

function requireLength(content: string): void {
  if (content.length > commentLimit)
    throw badRequest(`The comment is longer than ${commentLimit} characters.`, 'InvalidArgumentValueException');
}
