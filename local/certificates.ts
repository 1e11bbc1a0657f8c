import { X509Certificate, createPrivateKey, webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonGeneralNames } from '@peculiar/x509';

const millisecondsPerDay = 24 * 60 * 60 * 1000;
const caLifetimeDays = 3650;
/** Apple's limit for server certificates is 825 days for a private CA, 398 for a public one; below both. */
const leafLifetimeDays = 397;
const renewLeafWhenDaysLeft = 30;

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };

/** Storage hosts are reached through local Azure's proxy only; see local/azure/blob/blob-proxy.ts. */
const leafNames: JsonGeneralNames = [
  { type: 'dns', value: 'localhost' },
  { type: 'dns', value: '*.blob.core.windows.net' },
  { type: 'ip', value: '127.0.0.1' },
];

/** A server certificate for 127.0.0.1, localhost and storage accounts, with the CA that signed it. All texts are PEM. */
export interface ServerCertificate {
  /** Path of the CA certificate, for NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE and the like. */
  caFile: string;
  ca: string;
  cert: string;
  key: string;
}

interface Issued {
  certificate: string;
  key: string;
}

/**
 * Gives the certificate kept in `dir`; makes the CA at first use and a new leaf when there is none or it is near its end.
 * The CA stays the same over restarts, so a client that trusts it keeps working. Key files have mode 0600.
 */
export async function ensureCertificates(dir: string): Promise<ServerCertificate> {
  await mkdir(dir, { recursive: true });
  const caFile = join(dir, 'ca.pem');
  const caKeyFile = join(dir, 'ca-key.pem');
  const leafFile = join(dir, 'server.pem');
  const leafKeyFile = join(dir, 'server-key.pem');

  let ca = await readIssued(caFile, caKeyFile);
  if (!ca || daysLeft(ca.certificate) < leafLifetimeDays) {
    ca = await issueCertificateAuthority();
    await writeWhole(caKeyFile, ca.key, 0o600);
    await writeWhole(caFile, ca.certificate, 0o644);
  }
  let leaf = await readIssued(leafFile, leafKeyFile);
  if (!leaf || !isUsable(leaf.certificate, ca.certificate)) {
    leaf = await issueLeaf(ca);
    await writeWhole(leafKeyFile, leaf.key, 0o600);
    await writeWhole(leafFile, leaf.certificate, 0o644);
  }
  return { caFile, ca: ca.certificate, cert: leaf.certificate, key: leaf.key };
}

async function issueCertificateAuthority(): Promise<Issued> {
  // Loaded at the first start only.
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // A name of its own per CA: OpenSSL picks an issuer by name, so two CAs of one name in a trust store would be mixed up.
    name: `CN=Guardian local Azure CA ${serialNumber().slice(0, 8)}`,
    notBefore: new Date(now - millisecondsPerDay),
    notAfter: new Date(now + caLifetimeDays * millisecondsPerDay),
    signingAlgorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem') + '\n', key: await privateKeyPem(keys.privateKey) };
}

async function issueLeaf(ca: Issued): Promise<Issued> {
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const issuer = new x509.X509Certificate(ca.certificate);
  const caKeyDer = createPrivateKey(ca.key).export({ format: 'der', type: 'pkcs8' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(caKeyDer), keyAlgorithm, false, ['sign']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: issuer.subject,
    notBefore: new Date(now - millisecondsPerDay),
    notAfter: new Date(now + leafLifetimeDays * millisecondsPerDay),
    signingAlgorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(leafNames),
      // Python 3.13 verifies with VERIFY_X509_STRICT, which refuses a leaf without an authority key identifier.
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem') + '\n', key: await privateKeyPem(keys.privateKey) };
}

/** 16 random bytes, positive and without a leading zero byte, as RFC 5280 4.1.2.2 asks. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

async function readIssued(certificateFile: string, keyFile: string): Promise<Issued | undefined> {
  try {
    const [certificate, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return undefined;
    return { certificate, key };
  } catch {
    // Missing, cut off by a crash or not PEM: made anew in each case.
    return undefined;
  }
}

function daysLeft(certificate: string): number {
  return (Date.parse(new X509Certificate(certificate).validTo) - Date.now()) / millisecondsPerDay;
}

function isUsable(leaf: string, ca: string): boolean {
  const names = new X509Certificate(leaf).subjectAltName ?? '';
  return (
    daysLeft(leaf) >= renewLeafWhenDaysLeft &&
    new X509Certificate(leaf).verify(new X509Certificate(ca).publicKey) &&
    leafNames.every(({ value }) => names.includes(value))
  );
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode });
  await rename(temporary, file);
}
