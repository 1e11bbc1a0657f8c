import { TaskError, type ErrorCode } from '../task-error';
import { causeOf, type CallContext } from './failure-cause';
import { networkCode } from './network-error';

export type { CallContext } from './failure-cause';
export { nearNames } from './near-names';

/** Error envelope of ARM and of Azure ML behind it; run history nests `innerError`, OData services `innererror`. */
interface ErrorBody {
  code?: string;
  message?: string;
  target?: string;
  details?: ErrorBody[] | null;
  innererror?: ErrorBody | null;
  innerError?: ErrorBody | null;
  additionalInfo?: { type?: string; info?: { value?: unknown } }[] | null;
}

/** The parts of the SDKs' errors that matter here; core-rest-pipeline, core-lro, storage and identity each fill some of them. */
interface ServiceFailure {
  name?: string;
  message?: string;
  code?: string;
  statusCode?: number;
  details?: unknown;
  response?: { headers?: { get(name: string): string | undefined }; bodyAsText?: string | null };
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
  const network = networkCode(error);
  const said = withoutSignatures(network ? `The network said ${network}.` : describeAnswer(failure));
  const { code, hint } = causeOf({ network, status: failure.statusCode, said }, context);
  return new TaskError([`Could not ${doing}.`, said, hint].filter(Boolean).join(' '), { code, cause: error });
}

/** Status code of a failed call; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as ServiceFailure | undefined)?.statusCode;
}

/** Why a call failed, as the code of an explained error; undefined for anything else that was thrown. */
export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof TaskError ? error.errorCode : undefined;
}

function describeAnswer(failure: ServiceFailure): string {
  const body = errorBody(failure);
  const code = body?.code ?? failure.code;
  const message = body?.message ?? ownMessage(failure);
  const said = [`Azure answered${failure.statusCode ? ` ${failure.statusCode}` : ''}${code ? ` ${code}` : ''}:`];
  said.push(sentence(message));
  const add = (text: string): void => {
    if (text !== '' && !said.join(' ').includes(text)) said.push(sentence(text));
  };
  for (const text of body ? deeper(body) : []) add(text);
  const requestId = failure.response?.headers?.get('x-ms-request-id');
  if (requestId) said.push(`Request id ${requestId}.`);
  return said.join(' ');
}

/** Every detail and inner error below an error, outermost first, as `Code: message`. */
function deeper(error: ErrorBody): string[] {
  const own = (item: ErrorBody): string[] => [[item.code, item.message].filter(Boolean).join(': '), ...deeper(item)];
  const inner = error.additionalInfo
    ?.filter(item => item.type === 'InnerError')
    .flatMap(item => innerCodes(item.info?.value));
  return [
    ...(error.details ?? []).flatMap(own),
    ...[error.innererror, error.innerError].flatMap(item => (item ? own(item) : [])),
    ...(inner?.length ? [`Inner error: ${inner.join(' / ')}`] : []),
  ];
}

/** The front end's InnerError is a chain `{code, innerError: {code, …}}`. */
function innerCodes(value: unknown): string[] {
  const { code, innerError } = (value ?? {}) as { code?: string; innerError?: unknown };
  return [...(code ? [code] : []), ...(innerError ? innerCodes(innerError) : [])];
}

function errorBody(failure: ServiceFailure): ErrorBody | undefined {
  const parsed = failure.details ?? parsedJson(failure.response?.bodyAsText);
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { error } = parsed as { error?: unknown };
  return typeof error === 'object' && error !== null ? error : parsed;
}

/** Without the SDK's additions: msal appends ids and times, core-rest-pipeline the whole body. */
function ownMessage({ message }: ServiceFailure): string {
  return (message ?? '').replace(/^\s*\{[\s\S]*\}\s*$/, '').replace(/ - Correlation ID: .*/s, '') || 'no reason given';
}

function parsedJson(text: string | null | undefined): unknown {
  try {
    return text ? (JSON.parse(text) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

/** A link to a blob is as good as a password: its signature must not reach a log, wherever a message quotes it. */
function withoutSignatures(text: string): string {
  return text.replace(/\b(sig|client_secret|client_assertion)=[^&\s"']+/gi, '$1=***');
}

function sentence(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  return /[.!?]$/.test(flat) ? flat : `${flat}.`;
}
