// Wanted by the certificate library before it is loaded.
import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

cryptoProvider.set(webcrypto as never);
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hour = 3_600_000;

export interface TestAuthority {
  readonly certificate: X509Certificate;
  readonly pem: string;
  readonly keys: webcrypto.CryptoKeyPair;
}
export interface TestIdentity {
  readonly certificate: string;
  readonly key: string;
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

let serial = 0;
const nextSerial = () => (++serial).toString(16).padStart(4, '0');

export async function createAuthority(name: string): Promise<TestAuthority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 48 * hour),
    notAfter: new Date(Date.now() + 48 * hour),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true, 1, true)],
  });
  return { certificate, pem: certificate.toString('pem'), keys };
}

async function issue(
  authority: TestAuthority,
  name: string,
  usage: ExtendedKeyUsage,
  names: JsonGeneralName[],
  endsAt = Date.now() + hour,
): Promise<TestIdentity> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    serialNumber: nextSerial(),
    subject: `CN=${name}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(endsAt - 24 * hour),
    notAfter: new Date(endsAt),
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false),
      new ExtendedKeyUsageExtension([usage]),
      new SubjectAlternativeNameExtension(names),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await keyPem(keys) };
}

/** A gateway's certificate for localhost and 127.0.0.1. */
export function issueServer(authority: TestAuthority): Promise<TestIdentity> {
  return issue(authority, 'gateway', ExtendedKeyUsage.serverAuth, [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
  ]);
}

/** An agent's certificate. `names` replaces the agent's own URI. */
export function issueAgent(
  authority: TestAuthority,
  agentId: string,
  options: { endsAt?: number; names?: JsonGeneralName[] } = {},
): Promise<TestIdentity> {
  const names = options.names ?? [{ type: 'url', value: `weir://agent/${agentId}` }];
  return issue(authority, agentId, ExtendedKeyUsage.clientAuth, names, options.endsAt);
}
