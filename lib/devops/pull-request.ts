import { Readable } from 'node:stream';
import { GitApi } from 'azure-devops-node-api/GitApi';
import { CommentThreadStatus, CommentType } from 'azure-devops-node-api/interfaces/GitInterfaces';
import type { GitPullRequestCommentThread } from 'azure-devops-node-api/interfaces/GitInterfaces';
import type { TaskHost } from '../host/task-host';
import { devOpsProject, type DevOpsProject } from './devops-project';

/** The property of a thread by which it is known as ours, whoever looks for it: threads have them for extensions. */
const marker = 'GuardianMlops.Report';

/** The pull request that a build is of. */
export interface PullRequest {
  readonly place: DevOpsProject;
  readonly git: GitApi;
  readonly repository: string;
  readonly id: number;
}

/** @returns undefined when the build is of no pull request, or of one that is not in Azure Repos */
export function pullRequestOf(host: TaskHost): PullRequest | undefined {
  const id = Number(host.variable('System.PullRequest.PullRequestId'));
  const repository = host.variable('Build.Repository.ID');
  if (!Number.isInteger(id) || id < 1 || repository === undefined) return undefined;
  if (host.variable('Build.Repository.Provider') !== 'TfsGit') return undefined;
  const place = devOpsProject(host);
  return place && { place, git: place.client(GitApi), repository, id };
}

/** More parallel writers than this do not get past each other. */
const mostTries = 6;

/**
 * Keeps one comment: `change` makes its new text from the one that is there. Comments have no ETag, so what was written is read again:
 * another job of the build that wrote at the same time had the old text, too. Of two that were begun at once, the first one stays.
 * @throws Error of the service, or when others write all the time
 */
export async function keepComment(
  { git, place, repository, id }: PullRequest,
  change: (text: string) => { text: string; isOpen: boolean },
  host: TaskHost,
): Promise<void> {
  for (let tries = 0; tries < mostTries; tries++) {
    const [first, ...others] = await ourThreads(git, repository, id, place.project);
    for (const other of others) await git.deleteComment(repository, id, other.thread, other.comment, place.project);
    const { text, isOpen } = change(first?.text ?? '');
    const status = isOpen ? CommentThreadStatus.Active : CommentThreadStatus.Fixed;
    if (first?.text === text && first.status === status && others.length === 0) return;
    if (!first) {
      const comments = [{ content: text, commentType: CommentType.Text, parentCommentId: 0 }];
      const made = (await git.createThread(
        { comments, status, properties: { [marker]: '1' } },
        repository,
        id,
        place.project,
      )) as GitPullRequestCommentThread | null;
      if (made === null) throw new Error(`Pull request ${id} of repository ${repository} was not found.`);
      continue;
    }
    if (first.text !== text)
      await git.updateComment({ content: text }, repository, id, first.thread, first.comment, place.project);
    if (first.status !== status) await git.updateThread({ status }, repository, id, first.thread, place.project);
    // Writers that collided once must not do so for ever.
    if (tries > 0) await host.clock.sleep(Math.round(Math.random() * 1000), host.signal);
  }
  throw new Error(`Other jobs of the build changed the comment on pull request ${id} ${mostTries} times meanwhile.`);
}

interface OurThread {
  readonly thread: number;
  readonly comment: number;
  readonly text: string;
  readonly status: CommentThreadStatus | undefined;
}

/** The threads with our mark that are not deleted, the first one first. */
async function ourThreads(git: GitApi, repository: string, id: number, project: string): Promise<OurThread[]> {
  const threads = ((await git.getThreads(repository, id, project)) as GitPullRequestCommentThread[] | null) ?? [];
  return threads
    .flatMap(({ id: thread, comments, properties, status, isDeleted }) => {
      const [first] = comments ?? [];
      const isOurs = (properties as Record<string, unknown> | undefined)?.[marker] !== undefined;
      if (!isOurs || isDeleted || first?.isDeleted || thread === undefined || first?.id === undefined) return [];
      return [{ thread, comment: first.id, text: first.content ?? '', status }];
    })
    .sort((a, b) => a.thread - b.thread);
}

/**
 * Attaches a picture to the pull request, which is where the web page itself puts the pictures of comments. One of this name is there
 * already: names are to be made of the content.
 * @returns its address
 */
export async function attachPicture(
  { git, place, repository, id }: PullRequest,
  name: string,
  png: Buffer,
): Promise<string> {
  const known = await git.getAttachments(repository, id, place.project);
  const same = known.find(({ displayName }) => displayName === name)?.url;
  if (same !== undefined) return same;
  const headers = { 'Content-Length': png.length };
  const made = await git.createAttachment(headers, Readable.from([png]), name, repository, id, place.project);
  if (!made.url) throw new Error(`The attachment ${name} came back without an address.`);
  return made.url;
}
