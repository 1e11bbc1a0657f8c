import { TaskError } from '../task-error';

/** Where a call went and as whom, for the hint after a refusal. */
export interface CallContext {
  readonly endpoint: string;
  readonly principal: string;
}

interface ErrorBody {
  code?: string;
  message?: string;
  details?: ErrorBody[];
  additionalInfo?: { type?: string; info?: { value?: { code?: string } } }[];
}

/** The parts of the SDKs' errors that matter here; core-rest-pipeline, core-lro and identity each fill some of them. */
interface ServiceFailure {
  name?: string;
  message?: string;
  code?: string;
  statusCode?: number;
  details?: { error?: ErrorBody } | ErrorBody;
  response?: { headers?: { get(name: string): string | undefined }; bodyAsText?: string | null };
  cause?: unknown;
  errors?: unknown[];
}

/**
 * Explains a failed call: what was tried, what the service answered (code, message, every detail, request id), the
 * likely cause and what to do. `doing` completes "Could not …", for example `read the compute cluster 'x'`.
 * An abort is passed on as it is.
 */
export function serviceError(error: unknown, doing: string, context: CallContext): Error {
  if (error instanceof TaskError) return error;
  const failure = (error ?? {}) as ServiceFailure;
  if (failure.name === 'AbortError' || failure.name === 'PollerCancelledError') return error as Error;
  const said = describeAnswer(failure);
  const hint = hintFor(failure, said, context);
  return new TaskError(`Could not ${doing}. ${said}${hint ? ` ${hint}` : ''}`, { cause: error });
}

/** Status code of a failed call; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as ServiceFailure | undefined)?.statusCode;
}

function describeAnswer(failure: ServiceFailure): string {
  const network = networkCode(failure);
  if (network) return `The network said ${network}.`;
  const body = errorBody(failure);
  const code = body?.code ?? failure.code;
  const message = sentence(body?.message ?? failure.message ?? 'no reason given');
  const details = (body?.details ?? [])
    .map(item => `${item.code ? `${item.code}: ` : ''}${item.message ?? ''}`)
    .filter(text => text !== '' && !message.includes(text));
  const inner = body?.additionalInfo?.find(item => item.type === 'InnerError')?.info?.value?.code;
  const requestId = failure.response?.headers?.get('x-ms-request-id');
  return [
    `Azure answered${failure.statusCode ? ` ${failure.statusCode}` : ''}${code ? ` ${code}` : ''}: ${message}`,
    ...details.map(sentence),
    ...(inner ? [`Inner error: ${inner}.`] : []),
    ...(requestId ? [`Request id ${requestId}.`] : []),
  ].join(' ');
}

function errorBody(failure: ServiceFailure): ErrorBody | undefined {
  const details = failure.details;
  if (details && 'error' in details) return details.error;
  if (details) return details;
  try {
    return (JSON.parse(failure.response?.bodyAsText ?? 'null') as { error?: ErrorBody } | null)?.error;
  } catch {
    return undefined;
  }
}

const networkCodes = new Set([
  'ENOTFOUND',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'EPIPE',
]);

function networkCode(failure: ServiceFailure): string | undefined {
  for (
    let current: ServiceFailure | undefined = failure;
    current;
    current = (current.cause ?? current.errors?.[0]) as ServiceFailure | undefined
  ) {
    if (current.code && (networkCodes.has(current.code) || /CERT|SELF_SIGNED|TLS|SSL/.test(current.code)))
      return current.code;
  }
  // core-rest-pipeline folds the cause into its own message.
  return [...networkCodes].find(code => failure.statusCode === undefined && failure.message?.includes(code));
}

function hintFor(failure: ServiceFailure, said: string, { endpoint, principal }: CallContext): string | undefined {
  const network = networkCode(failure);
  if (network && /CERT|SELF_SIGNED|TLS|SSL/.test(network)) {
    return `The certificate of ${endpoint} is not trusted on this agent: if a proxy or a private cloud signs with its own authority, set NODE_EXTRA_CA_CERTS to its file on the agent.`;
  }
  if (network)
    return `${endpoint} cannot be reached from this agent: check the service connection's URL, the agent's proxy and firewall, and for a private workspace that the agent is in its network.`;
  if (said.includes('AADSTS7000215'))
    return `The secret of ${principal} is wrong or has expired: renew it in the service connection, or convert the connection to workload identity federation.`;
  if (said.includes('AADSTS700016'))
    return `Entra ID does not know ${principal} in this tenant: check the service connection's application and tenant.`;
  if (said.includes('AADSTS'))
    return `Signing in as ${principal} failed: verify the service connection in the project settings.`;
  if (failure.statusCode === 401)
    return `The token of ${principal} was refused: check that the service connection belongs to this cloud and tenant.`;
  if (failure.statusCode === 403)
    return `${capital(principal)} may not do this: give it the role AzureML Data Scientist (or Contributor) on the workspace; a new role assignment takes some minutes to work.`;
  if (failure.statusCode === 429)
    return 'The service throttles this subscription: run again later, or with fewer pipelines at once.';
  return undefined;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function sentence(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  return /[.!?]$/.test(flat) ? flat : `${flat}.`;
}

/** "; there is 'x' (names are case-sensitive)" or a list of what exists, for a message about a name that does not. */
export function nearNames(wanted: string, existing: readonly string[]): string {
  const same = existing.find(name => name.toLowerCase() === wanted.toLowerCase());
  if (same) return `There is '${same}': names are case-sensitive.`;
  if (existing.length === 0) return 'There is none.';
  const near = existing.filter(
    name => distance(name.toLowerCase(), wanted.toLowerCase()) <= Math.max(2, wanted.length / 4),
  );
  if (near.length > 0) return `Did you mean ${near.map(name => `'${name}'`).join(' or ')}?`;
  return `There ${existing.length === 1 ? 'is' : 'are'} ${existing.slice(0, 10).join(', ')}${existing.length > 10 ? ', …' : ''}.`;
}

/** Levenshtein distance: how many single-character edits lie between two names. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min((current[column - 1] ?? 0) + 1, (previous[column] ?? 0) + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
