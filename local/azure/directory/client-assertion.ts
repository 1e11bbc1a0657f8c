import { X509Certificate, createHash } from 'node:crypto';
import type { JWTPayload } from 'jose' with { 'resolution-mode': 'import' };
import type { Directory, ServicePrincipal } from './directory';
import { invalidClient, invalidRequest } from './sign-in-error';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const certificateDocs =
  'Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .';
const federationDocs = 'https://learn.microsoft.com/entra/workload-id/workload-identity-federation';

/**
 * Checks what a client shows in place of a secret: its own assertion, signed with the key of a registered certificate (issuer = the application),
 * or the token of another issuer that one of the application's federated credentials names. A `jti` may be used again: Entra lets it.
 * @throws SignInError
 */
export async function checkAssertion(
  form: Record<string, string>,
  assertion: string,
  principal: ServicePrincipal,
  directory: Directory,
): Promise<void> {
  if (form.client_assertion_type !== assertionType) {
    throw invalidRequest(
      900144,
      "The request body must contain the following parameter: 'client_assertion_type' with the value " +
        `'${assertionType}'.`,
    );
  }
  const jose = await import('jose');
  let claims: JWTPayload;
  try {
    claims = jose.decodeJwt(assertion);
    jose.decodeProtectedHeader(assertion);
  } catch {
    throw invalidRequest(50027, 'JWT token is invalid or malformed.');
  }
  if (claims.iss === principal.clientId) await checkOwnAssertion(assertion, claims, principal, directory);
  else await checkFederated(assertion, claims, principal, directory);
}

async function checkOwnAssertion(
  assertion: string,
  claims: JWTPayload,
  principal: ServicePrincipal,
  directory: Directory,
): Promise<void> {
  if (claims.sub !== principal.clientId) {
    throw invalidClient(
      700021,
      `Client assertion application identifier doesn't match 'client_id' parameter. ${certificateDocs}`,
    );
  }
  const jose = await import('jose');
  const header = jose.decodeProtectedHeader(assertion);
  const thumbprint = (header['x5t#S256'] ?? header.x5t ?? header.kid ?? '') as string;
  const certificate = (principal.certificates ?? []).find(pem =>
    thumbprintsOf(pem).some(known => known.toLowerCase() === thumbprint.toLowerCase()),
  );
  const notValidated = (reason: string): Error =>
    invalidClient(
      700027,
      `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - ${reason}, Thumbprint of key used by client: '${thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${principal.clientId}'.]`,
    );
  if (certificate === undefined) throw notValidated('The key was not found.');
  const x509 = new X509Certificate(certificate);
  const now = Date.now();
  if (now < Date.parse(x509.validFrom) || now > Date.parse(x509.validTo))
    throw notValidated('The key used is expired.');
  const here = directory.authority;
  try {
    await jose.jwtVerify(assertion, x509.publicKey, {
      algorithms: ['RS256', 'PS256'],
      requiredClaims: ['exp', 'aud'],
      // msal rounds the current time up. (Entra itself allows five minutes, which would be too long for tests with short-lived tokens.)
      clockTolerance: 5,
      audience: [`${here}/oauth2/v2.0/token`, `${here}/oauth2/token`, `${here}/v2.0`, here, `${here}/`],
    });
  } catch (error) {
    const { code, claim } = error as { code?: string; claim?: string };
    if (code === 'ERR_JWT_EXPIRED' || claim === 'nbf' || claim === 'exp') throw outsideItsTime(claims);
    if (claim === 'aud') {
      throw invalidClient(700023, `Client assertion audience claim does not match Realm issuer. ${certificateDocs}`);
    }
    throw notValidated('The key was not found or the signature does not match it.');
  }
}

async function checkFederated(
  assertion: string,
  claims: JWTPayload,
  principal: ServicePrincipal,
  directory: Directory,
): Promise<void> {
  const credentials = (principal.federated ?? []).map(one => ({
    ...one,
    issuer: one.issuer === 'pipelines' ? directory.pipelineIssuer : one.issuer,
  }));
  const noMatch = (code: number, what: string, value: unknown): Error =>
    invalidClient(
      code,
      `No matching federated identity record found for presented assertion ${what} '${String(value)}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. ${federationDocs}`,
    );
  const ofIssuer = credentials.filter(one => one.issuer === claims.iss);
  if (ofIssuer.length === 0 || claims.iss !== directory.pipelineIssuer) throw noMatch(700211, 'issuer', claims.iss);
  try {
    await directory.verifyPipelineToken(assertion);
  } catch (error) {
    const { code, claim } = error as { code?: string; claim?: string };
    if (code === 'ERR_JWT_EXPIRED' || claim === 'nbf' || claim === 'exp') throw outsideItsTime(claims);
    throw invalidClient(50013, 'Assertion failed signature validation. [Reason - The key was not found.]');
  }
  const ofSubject = ofIssuer.filter(one => one.subject === claims.sub);
  if (ofSubject.length === 0) {
    const other = ofIssuer.find(one => one.subject.toLowerCase() === String(claims.sub).toLowerCase());
    // Entra compares subjects with their letter case since 2024 and has a number of its own for those that differ in nothing else.
    throw noMatch(other ? 7002138 : 700213, 'subject', claims.sub);
  }
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (!ofSubject.some(one => audiences.includes(one.audience))) throw noMatch(700212, 'audience', claims.aud);
}

function outsideItsTime(claims: JWTPayload): Error {
  const at = (seconds: number | undefined): string =>
    seconds === undefined ? 'unknown' : new Date(seconds * 1000).toISOString();
  return invalidClient(
    700024,
    `Client assertion is not within its valid time range. Current time: ${new Date().toISOString()}, assertion valid from ${at(claims.nbf)}, expiry time of assertion ${at(claims.exp)}. ${certificateDocs}`,
  );
}

/** All forms in which clients name a certificate: x5t#S256 and x5t (base64url), and the hexadecimal SHA-1 that some put into `kid`. */
function thumbprintsOf(pem: string): string[] {
  const der = new X509Certificate(pem).raw;
  const sha1 = createHash('sha1').update(der);
  return [createHash('sha256').update(der).digest('base64url'), sha1.copy().digest('base64url'), sha1.digest('hex')];
}
