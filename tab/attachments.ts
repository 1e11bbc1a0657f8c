import { reportLimits, reportType, type BuildReport } from '../lib/release/build-report';

export interface BuildPlace {
  /** With a slash at the end. */
  readonly collectionUri: string;
  /** Project id. */
  readonly project: string;
  readonly build: number;
}

export interface LoadedReports {
  readonly reports: readonly BuildReport[];
  /** Names of attachments that could not be read, and why. */
  readonly problems: readonly string[];
}

/** Thrown when Azure DevOps does not answer as hoped. */
export class ServiceProblem extends Error {
  override readonly name = 'ServiceProblem';
}

/** More than any pipeline has; a page with more of them helps nobody. */
const mostReports = 100;

/**
 * All reports of a build, the oldest first, from its attachments and nothing else.
 * https://learn.microsoft.com/rest/api/azure/devops/build/attachments (api-version 7.1)
 * @throws ServiceProblem when the list cannot be had
 */
export async function loadReports(place: BuildPlace, getToken: () => Promise<string>): Promise<LoadedReports> {
  const token = await getToken();
  const { collectionUri, project, build } = place;
  const list = `${collectionUri}${encodeURIComponent(project)}/_apis/build/builds/${build}/attachments/${reportType}?api-version=7.1`;
  const { value = [] } = (await (await ask(list, token)).json()) as { value?: Attachment[] };
  const loaded = await Promise.all(value.slice(0, mostReports).map(one => loadReport(one, collectionUri, token)));
  const problems = loaded.filter(one => typeof one === 'string');
  if (value.length > mostReports) problems.push(`${value.length - mostReports} more reports are not shown.`);
  const reports = loaded.filter(one => typeof one !== 'string');
  return { reports: reports.sort((a, b) => a.recordedAt.localeCompare(b.recordedAt)), problems };
}

interface Attachment {
  name: string;
  _links?: { self?: { href?: string } };
}

/** The report, or what is wrong with it. */
async function loadReport(
  { name, _links }: Attachment,
  collectionUri: string,
  token: string,
): Promise<BuildReport | string> {
  const href = _links?.self?.href;
  // The token goes nowhere but to the organisation that issued it.
  if (href === undefined || new URL(href).origin !== new URL(collectionUri).origin) return `${name} has no address.`;
  try {
    const text = await (await ask(href, token)).text();
    if (text.length > reportLimits.bytes) return `${name} is larger than any report of Guardian ML.`;
    const report = JSON.parse(text) as BuildReport;
    return isReport(report) ? report : `${name} is no report that this version of Guardian ML can show.`;
  } catch (error) {
    return `${name} could not be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function isReport(value: Partial<BuildReport> | null): boolean {
  return (
    value?.schemaVersion === 1 &&
    typeof value.subject === 'string' &&
    typeof value.headline === 'string' &&
    typeof value.recordedAt === 'string' &&
    [value.facts, value.metrics, value.gates, value.links].every(list => list === undefined || Array.isArray(list))
  );
}

async function ask(url: string, token: string): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  } catch {
    throw new ServiceProblem('Azure DevOps cannot be reached.');
  }
  // 203 is the page to sign in.
  if (answer.ok && answer.status !== 203) return answer;
  const { message } = (await answer.json().catch(() => ({}))) as { message?: string };
  throw new ServiceProblem(`Azure DevOps answered ${answer.status}${message === undefined ? '' : `: ${message}`}`);
}
