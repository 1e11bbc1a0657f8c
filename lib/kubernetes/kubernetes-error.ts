import type { KubernetesAccess } from '../connection/kubernetes-connection';
import { TaskError, type ErrorCode } from '../task-error';

/** What a request tried, in the words of Kubernetes. */
export interface Attempt {
  /** As a Role names it: get, list, patch. */
  readonly verb: string;
  /** As a Role names it: configmaps, secrets, deployments. */
  readonly resource: string;
  readonly apiGroup: '' | 'apps' | 'batch';
  readonly namespace: string;
  readonly name?: string;
}

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

const codes: Readonly<Record<number, ErrorCode>> = {
  0: 'GuardianUnreachable',
  401: 'GuardianSignIn',
  403: 'GuardianForbidden',
  404: 'GuardianNotFound',
  409: 'GuardianConflict',
  429: 'GuardianThrottled',
};

/** A refusal by the API server, or its absence (status 0). */
export class KubernetesError extends TaskError {
  constructor(
    message: string,
    readonly status: number,
    readonly causes: readonly StatusCause[],
    cause: unknown,
  ) {
    super(message, { code: codes[status] ?? (status >= 500 ? 'GuardianService' : 'GuardianRefused'), cause });
  }
}

/** True when another field manager owns a field that we wanted to write; other 409s have no such causes. */
export function isOwnershipConflict(error: unknown): error is KubernetesError {
  return (
    error instanceof KubernetesError &&
    error.status === 409 &&
    error.causes.some(cause => cause.reason === 'FieldManagerConflict')
  );
}

/** True when the object has changed since it was read, so that it has to be read again; the 409 without an owner. */
export function isStaleWrite(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 409 && !isOwnershipConflict(error);
}

/** True when the API server is away or overloaded, which passes. */
export function isOutage(error: unknown): boolean {
  return error instanceof KubernetesError && (error.status === 0 || error.status === 429 || error.status >= 500);
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 404;
}

/** True when the same request may well succeed a moment later. */
export function isTransient(error: unknown): boolean {
  const { status, code } = facts(error);
  return status === undefined ? transientCodes.has(code ?? '') : [429, 502, 503, 504].includes(status);
}

const transientCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN']);

/** Says what was tried, who was refused what, and what to do next. */
export function explainKubernetes(error: unknown, attempt: Attempt, access: KubernetesAccess): KubernetesError {
  const { status, code, body, message } = facts(error);
  const tried = `${attempt.verb} ${attempt.resource}${attempt.name ? ` ${attempt.name}` : ''} in namespace ${attempt.namespace}`;
  const causes = body?.details?.causes?.map(({ reason = '', message: text = '', field = '' }) => ({
    reason,
    message: text,
    field,
  }));
  const made = (text: string) => new KubernetesError(text, status ?? 0, causes ?? [], error);
  const answer = body?.message ?? message;
  if (status === undefined) return made(unreachable(access, tried, code, message));
  if (status === 401) {
    return made(
      `The cluster ${access.server} does not accept the credentials of ${access.user} (401), seen when trying to ${tried}. The token may be expired or belong to another cluster: renew it in the service connection or kubeconfig.`,
    );
  }
  if (status === 403) {
    // An apply to an object that is not there is a creation, and refused as one.
    const verb = /cannot (\w+) resource/.exec(answer)?.[1] ?? attempt.verb;
    return made(
      `${access.user} may not ${tried} of ${access.server} (403): ${answer}. Add this rule to its Role there: apiGroups ["${attempt.apiGroup}"], resources ["${attempt.resource}"], verbs ["${verb}"].`,
    );
  }
  if (status === 404 && (body?.details?.kind === 'namespaces' || /^namespaces? /.test(answer))) {
    return made(
      `Namespace ${attempt.namespace} does not exist in the cluster ${access.server}. Names are case-sensitive; create it, or correct the namespace input.`,
    );
  }
  return made(
    `${access.user} cannot ${tried} of ${access.server} (${status}${body?.reason ? ` ${body.reason}` : ''}): ${answer}`,
  );
}

function unreachable(
  { server, user }: KubernetesAccess,
  tried: string,
  code: string | undefined,
  message: string,
): string {
  const attempted = `, when ${user} was to ${tried}`;
  if (code && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) {
    return `The certificate of the Kubernetes API server ${server} is not trusted (${code})${attempted}. Put its CA into the service connection or kubeconfig.`;
  }
  const reason = code ?? message;
  return `The Kubernetes API server ${server} cannot be reached (${reason})${attempted}. Check its address in the service connection or kubeconfig, and that the agent may connect to it; a private cluster needs an agent in its network.`;
}

interface StatusBody {
  message?: string;
  reason?: string;
  details?: { kind?: string; causes?: { reason?: string; message?: string; field?: string }[] };
}

/** The client's ApiException holds the status in `code` and the body as text; a network error has a string `code`. */
function facts(error: unknown): { status?: number; code?: string; body?: StatusBody; message: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, body } = error as { code?: unknown; body?: unknown };
  if (typeof code === 'number') {
    const parsed = parseStatus(body);
    return {
      status: code,
      message: error.message.split('\n')[1] ?? error.message,
      ...(parsed ? { body: parsed } : {}),
    };
  }
  const inner = error.cause instanceof Error ? (error.cause as { code?: unknown }).code : undefined;
  const name = typeof code === 'string' ? code : inner;
  return { message: error.message, ...(typeof name === 'string' ? { code: name } : {}) };
}

function parseStatus(body: unknown): StatusBody | undefined {
  if (typeof body === 'object' && body !== null) return body;
  if (typeof body !== 'string') return undefined;
  try {
    return JSON.parse(body) as StatusBody;
  } catch {
    return undefined;
  }
}
