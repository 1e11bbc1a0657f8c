/** What can be wrong with a request, and the status that says so. */
const statuses = {
  InvalidRequest: 400,
  InvalidImage: 400,
  NotFound: 404,
  MethodNotAllowed: 405,
  RequestTimeout: 408,
  PayloadTooLarge: 413,
  ImageTooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyRequests: 429,
  InternalError: 500,
  InferenceFailed: 500,
  NotReady: 503,
  DeadlineExceeded: 503,
} as const;

export type ErrorCode = keyof typeof statuses;

/** An error whose code and message are for the client. */
export class ScoringError extends Error {
  readonly status: number;
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Whole seconds until a new attempt makes sense. */
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = statuses[code];
  }
}

/** A request that does not say what it should. */
export function invalidRequest(message: string): ScoringError {
  return new ScoringError('InvalidRequest', message);
}

/** The one form in which every error leaves the server. */
export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly requestId: string };
}

/** Any thrown value as an error for the client; what is not known to be harmless is not shown. */
export function asScoringError(thrown: unknown, acceptedTypes: string): ScoringError {
  if (thrown instanceof ScoringError) return thrown;
  const {
    code,
    statusCode = 500,
    message,
  } = (thrown ?? {}) as { code?: string; statusCode?: number; message?: string };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ScoringError('PayloadTooLarge', 'The request body is larger than this server accepts.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ScoringError('UnsupportedMediaType', `Content-Type must be one of ${acceptedTypes}.`);
  }
  if (statusCode >= 400 && statusCode < 500)
    return new ScoringError('InvalidRequest', message ?? 'The request cannot be read.');
  return new ScoringError('InternalError', 'The server failed. Its log has the reason under this request id.');
}
