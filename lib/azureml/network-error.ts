interface Failure {
  code?: unknown;
  message?: string;
  statusCode?: number;
  cause?: unknown;
  errors?: unknown[];
}

const networkCodes = [
  'ENOTFOUND',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'EPIPE',
];

/** Codes of Node and OpenSSL for a certificate that is not trusted or not the host's. */
const certificateCodes = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'EPROTO',
];

/** What the certificate's text says where a library passes on no code. */
const certificateTexts: readonly [RegExp, string][] = [
  [/unable to verify the first certificate/i, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  [/unable to get (local )?issuer certificate/i, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  [/self[- ]signed certificate/i, 'SELF_SIGNED_CERT_IN_CHAIN'],
  [/certificate has expired/i, 'CERT_HAS_EXPIRED'],
];

/** The code of a failure to reach a host, wherever the libraries put it; undefined when the host answered. */
export function networkCode(error: unknown): string | undefined {
  const codes = [...networkCodes, ...certificateCodes];
  let current = error as Failure | undefined;
  for (let depth = 0; current && depth < 8; depth++) {
    if (typeof current.statusCode === 'number') return undefined;
    const { code, message } = current;
    const found =
      codes.find(known => known === code) ??
      codes.find(known => message?.includes(known)) ??
      certificateTexts.find(([pattern]) => pattern.test(message ?? ''))?.[1];
    if (found) return found;
    current = (current.cause ?? current.errors?.[0]) as Failure | undefined;
  }
  return undefined;
}

export function isCertificateCode(code: string): boolean {
  return certificateCodes.includes(code);
}
