import type { FastifyInstance } from 'fastify';
import { collection, wholeNumber } from './build-routes';
import { badRequest, notFound } from './devops-error';
import { buildService, type Organization } from './organization';
import {
  commentTypes,
  threadStatuses,
  type Comment,
  type NewComment,
  type PullRequest,
  type PullRequests,
  type Repository,
  type Thread,
} from './pull-requests';

interface Params {
  repositoryId: string;
  pullRequestId: string;
  threadId: string;
  commentId: string;
}
type Fields = Record<string, unknown>;

/** Repositories, pull requests, their threads and comments: `{project}/_apis/git/…`. */
export function registerPullRequests(app: FastifyInstance, organization: Organization, pulls: PullRequests): void {
  const show = new Shapes(organization);
  const find = (params: Pick<Params, 'repositoryId' | 'pullRequestId'>): PullRequest =>
    pulls.get(wholeNumber(params.pullRequestId), pulls.repository(params.repositoryId));
  const findThread = (params: Params): { pull: PullRequest; thread: Thread } => {
    const pull = find(params);
    return { pull, thread: pulls.thread(pull, wholeNumber(params.threadId)) };
  };

  app.get('/repositories', () => collection(pulls.repositories().map(one => show.repository(one))));
  app.get<{ Params: Params }>('/repositories/:repositoryId', ({ params }) =>
    show.repository(pulls.repository(params.repositoryId)),
  );
  app.get<{ Params: Params }>('/pullRequests/:pullRequestId', ({ params }) => {
    const pull = pulls.get(wholeNumber(params.pullRequestId));
    return show.pullRequest(pull, pulls.repository(pull.repositoryId));
  });

  const requests = '/repositories/:repositoryId/pullRequests';
  app.get<{ Params: Params }>(requests, ({ params }) => {
    const repository = pulls.repository(params.repositoryId);
    const active = pulls.list().filter(one => one.repositoryId === repository.id && one.status === 'active');
    return collection(active.map(one => show.pullRequest(one, repository)));
  });
  app.post<{ Params: Params }>(requests, ({ params, body }, reply) => {
    organization.require('PullRequestContribute');
    const repository = pulls.repository(params.repositoryId);
    const { title, description, sourceRefName, targetRefName } = fields(body);
    const pull = pulls.add({
      repositoryId: repository.id,
      title: text(title, 'title'),
      description: typeof description === 'string' ? description : '',
      sourceRefName: text(sourceRefName, 'sourceRefName'),
      targetRefName: text(targetRefName, 'targetRefName'),
    });
    return reply.code(201).send(show.pullRequest(pull, repository));
  });
  app.get<{ Params: Params }>(`${requests}/:pullRequestId`, ({ params }) =>
    show.pullRequest(find(params), pulls.repository(params.repositoryId)),
  );

  const attachments = `${requests}/:pullRequestId/attachments`;
  app.get<{ Params: Params }>(attachments, ({ params }) => {
    const pull = find(params);
    return collection(pull.attachments.map(one => show.attachment(pull, one)));
  });
  app.post<{ Params: Params & { fileName: string } }>(`${attachments}/:fileName`, ({ params, body }, reply) => {
    organization.require('PullRequestContribute');
    const pull = find(params);
    if (!Buffer.isBuffer(body)) throw badRequest('The body must be the bytes of the file (application/octet-stream).');
    return reply.code(201).send(show.attachment(pull, pulls.attach(pull, params.fileName, body.toString('base64'))));
  });
  app.get<{ Params: Params & { fileName: string } }>(`${attachments}/:fileName`, ({ params }, reply) => {
    const found = find(params).attachments.find(one => one.name === params.fileName);
    if (!found) throw notFound('GitPullRequestAttachmentException', `There is no attachment ${params.fileName}.`);
    return reply.type('application/octet-stream').send(Buffer.from(found.content, 'base64'));
  });

  const threads = `${requests}/:pullRequestId/threads`;
  app.get<{ Params: Params }>(threads, ({ params }) => {
    const pull = find(params);
    return collection(pull.threads.map(thread => show.thread(pull, thread)));
  });
  app.post<{ Params: Params }>(threads, ({ params, body }) => {
    organization.require('PullRequestContribute');
    const pull = find(params);
    const { comments, status, properties } = fields(body);
    if (!Array.isArray(comments) || comments.length === 0) throw badRequest('A thread needs at least one comment.');
    const thread = pulls.addThread(pull, {
      status: enumValue(threadStatuses, status ?? 'active', 'status'),
      properties: readProperties(properties),
      comments: comments.map(readComment),
    });
    return show.thread(pull, thread);
  });
  app.get<{ Params: Params }>(`${threads}/:threadId`, ({ params }) => {
    const { pull, thread } = findThread(params);
    return show.thread(pull, thread);
  });
  app.patch<{ Params: Params }>(`${threads}/:threadId`, ({ params, body }) => {
    organization.require('PullRequestContribute');
    const { pull, thread } = findThread(params);
    const { status, properties } = fields(body);
    const changed = pulls.changeThread(pull, thread, {
      ...(status === undefined ? {} : { status: enumValue(threadStatuses, status, 'status') }),
      properties: { ...thread.properties, ...readProperties(properties) },
    });
    return show.thread(pull, changed);
  });

  const comments = `${threads}/:threadId/comments`;
  app.get<{ Params: Params }>(comments, ({ params }) => {
    const { pull, thread } = findThread(params);
    return collection(thread.comments.map(comment => show.comment(pull, thread, comment)));
  });
  app.post<{ Params: Params }>(comments, ({ params, body }) => {
    organization.require('PullRequestContribute');
    const { pull, thread } = findThread(params);
    return show.comment(pull, thread, pulls.addComment(pull, thread, readComment(body)));
  });
  app.get<{ Params: Params }>(`${comments}/:commentId`, ({ params }) => {
    const { pull, thread } = findThread(params);
    return show.comment(pull, thread, pulls.comment(thread, wholeNumber(params.commentId)));
  });
  app.patch<{ Params: Params }>(`${comments}/:commentId`, ({ params, body }) => {
    organization.require('PullRequestContribute');
    const { pull, thread } = findThread(params);
    const comment = pulls.comment(thread, wholeNumber(params.commentId));
    const content = text(fields(body).content, 'content');
    return show.comment(pull, thread, pulls.changeComment(pull, thread, comment, { content }));
  });
  app.delete<{ Params: Params }>(`${comments}/:commentId`, ({ params }) => {
    organization.require('PullRequestContribute');
    const { pull, thread } = findThread(params);
    const comment = pulls.comment(thread, wholeNumber(params.commentId));
    pulls.changeComment(pull, thread, comment, { isDeleted: true, content: '' });
    return {};
  });
}

/** The resources as the service shows them. */
class Shapes {
  constructor(private readonly organization: Organization) {}

  repository({ id, name, defaultBranch }: Repository): Fields {
    const { projectUrl, collectionUri, project } = this.organization;
    return {
      id,
      name,
      url: `${projectUrl}/_apis/git/repositories/${id}`,
      project: this.organization.projectReference(),
      defaultBranch,
      remoteUrl: `${collectionUri}${project.name}/_git/${encodeURIComponent(name)}`,
      isDisabled: false,
    };
  }

  pullRequest(pull: PullRequest, repository: Repository): Fields {
    return {
      repository: this.repository(repository),
      pullRequestId: pull.id,
      codeReviewId: pull.id,
      status: pull.status,
      createdBy: buildService,
      creationDate: pull.creationDate,
      title: pull.title,
      description: pull.description,
      sourceRefName: pull.sourceRefName,
      targetRefName: pull.targetRefName,
      mergeStatus: 'succeeded',
      isDraft: false,
      reviewers: [],
      url: this.#url(pull),
      supportsIterations: true,
    };
  }

  attachment(pull: PullRequest, { id, name, created }: PullRequest['attachments'][number]): Fields {
    const url = `${this.#url(pull)}/attachments/${encodeURIComponent(name)}`;
    return { id, displayName: name, url, author: buildService, createdDate: created, properties: {}, _links: {} };
  }

  thread(pull: PullRequest, thread: Thread): Fields {
    const { comments, ...rest } = thread;
    return {
      pullRequestThreadContext: null,
      ...rest,
      comments: comments.map(comment => this.comment(pull, thread, comment)),
      threadContext: null,
      identities: null,
      isDeleted: comments.every(comment => comment.isDeleted),
      _links: { self: { href: `${this.#url(pull)}/threads/${thread.id}` } },
    };
  }

  comment(pull: PullRequest, thread: Thread, comment: Comment): Fields {
    const { content, isDeleted, ...rest } = comment;
    return {
      ...rest,
      author: buildService,
      ...(isDeleted ? { isDeleted } : { content }),
      lastContentUpdatedDate: comment.lastUpdatedDate,
      usersLiked: [],
      _links: { self: { href: `${this.#url(pull)}/threads/${thread.id}/comments/${comment.id}` } },
    };
  }

  #url(pull: PullRequest): string {
    return `${this.organization.projectUrl}/_apis/git/repositories/${pull.repositoryId}/pullRequests/${pull.id}`;
  }
}

function readComment(given: unknown): NewComment {
  const { content, commentType, parentCommentId } = fields(given);
  return {
    content: text(content, 'content'),
    commentType: enumValue(commentTypes, commentType ?? 'text', 'commentType'),
    parentCommentId: typeof parentCommentId === 'number' ? parentCommentId : 0,
  };
}

/** Properties come as plain values or as `{type, value}` and go out with the type of .NET, as the service does. */
function readProperties(given: unknown): Thread['properties'] {
  return Object.fromEntries(
    Object.entries(fields(given ?? {})).map(([name, value]) => {
      const inner = typeof value === 'object' && value !== null ? ((value as Fields).$value ?? value) : value;
      return [name, { $type: typeof inner === 'number' ? 'System.Int32' : 'System.String', $value: inner }];
    }),
  );
}

/** The clients send the number of an enumeration's value, people its name. */
function enumValue<T extends string>(names: readonly T[], given: unknown, field: string): T {
  const found = typeof given === 'number' ? names[given] : names.find(name => name === given);
  if (found === undefined) throw badRequest(`${String(given)} is no value of ${field}.`);
  return found;
}

function fields(body: unknown): Fields {
  if (typeof body !== 'object' || body === null) throw badRequest('The body must be a JSON object.');
  return body as Fields;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') throw badRequest(`The field ${field} must be a text.`);
  return value;
}
