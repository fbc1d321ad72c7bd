import 'reflect-metadata';
import { randomBytes, type webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { WeirError } from '@weir/errors';
import type { AgentClaims } from '@weir/tunnel';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** Certificates begin in the past, for agents whose clocks are that much behind. */
const skewMs = 15 * 60_000;
/** Life of the listeners' certificate. */
export const serverCertificateLifeMs = 30 * dayMs;

/** A signed certificate. */
export interface IssuedCertificate {
  readonly certificate: string;
  /** Upper-case hexadecimal. */
  readonly serial: string;
  readonly expiresAt: Date;
  /** Pin of the CA that signed it. */
  readonly issuer: string;
}

/** One CA of the gateway (ECDSA P-256). It signs agents and the gateway's listeners, nothing else. */
export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: string;
  /** SHA-256 of the certificate's DER, lower-case hexadecimal. */
  readonly pin: string;
  /** Client certificate whose SAN URIs say who the agent is and what it may serve; everything but the public key of the request is ignored. */
  signAgent(
    agent: AgentClaims,
    certificateRequestDer: Buffer,
    nowMs: number,
    lifeSeconds: number,
  ): Promise<IssuedCertificate>;
  /** Did this CA sign the certificate (at whatever time)? */
  hasSigned(certificate: X509Certificate): boolean;
  /** Server certificate (leaf, then CA) with a new key. */
  issueServer(hosts: readonly string[], nowMs: number): Promise<IssuedCertificate & { readonly key: string }>;
}

/** Makes a new CA (10 years). `key`: PKCS#8, DER. */
export async function createCertificateAuthority(
  nowMs: number,
): Promise<{ readonly authority: CertificateAuthority; readonly key: Buffer }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const serialNumber = newSerial();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    // Of two CAs with one name some clients try the wrong one and give up.
    name: `CN=Weir gateway CA ${serialNumber.slice(0, 8)}`,
    notBefore: new Date(nowMs - skewMs),
    notAfter: new Date(nowMs + 3650 * dayMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { authority: createAuthority(certificate, keys.privateKey), key };
}

/** A CA of its certificate (PEM) and key (PKCS#8, DER). */
export async function openCertificateAuthority(certificate: string, key: Buffer): Promise<CertificateAuthority> {
  const signingKey = await crypto.subtle.importKey('pkcs8', new Uint8Array(key), algorithm, false, ['sign']);
  return createAuthority(new x509.X509Certificate(certificate), signingKey);
}

/** SHA-256 of a certificate's DER, lower-case hexadecimal. */
export function pinOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

function createAuthority(ca: x509.X509Certificate, signingKey: webcrypto.CryptoKey): CertificateAuthority {
  const sign = async (
    publicKey: x509.PublicKeyType,
    subject: string,
    nowMs: number,
    lifeMs: number,
    usage: x509.ExtendedKeyUsage,
    names: x509.JsonGeneralNames,
  ): Promise<IssuedCertificate> => {
    const notAfter = new Date(Math.min(nowMs + lifeMs, ca.notAfter.getTime()));
    const serialNumber = newSerial();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject,
      issuer: ca.subject,
      notBefore: new Date(nowMs - skewMs),
      notAfter,
      publicKey,
      signingKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage], true),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.AuthorityKeyIdentifierExtension.create(ca),
      ],
    });
    const pem = `${certificate.toString('pem')}\n`;
    return { certificate: pem, serial: serialNumber.toUpperCase(), expiresAt: notAfter, issuer: pin };
  };
  const certificate = `${ca.toString('pem')}\n`;
  const own = new X509Certificate(certificate);
  const pin = pinOf(own);
  return {
    certificate,
    pin,
    signAgent: async (agent, der, nowMs, lifeSeconds) => {
      const { publicKey } = await readRequest(der);
      const names = urisOf(agent).map((value) => ({ type: 'url' as const, value }));
      const usage = x509.ExtendedKeyUsage.clientAuth;
      return sign(publicKey, `CN=${agent.agentId}`, nowMs, lifeSeconds * 1000, usage, names);
    },
    hasSigned: (leaf) => leaf.checkIssued(own) && leaf.verify(own.publicKey),
    issueServer: async (hosts, nowMs) => {
      const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const names = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])].map((host) => ({
        type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
        value: host,
      }));
      const usage = x509.ExtendedKeyUsage.serverAuth;
      const leaf = await sign(keys.publicKey, 'CN=Weir gateway', nowMs, serverCertificateLifeMs, usage, names);
      return { ...leaf, certificate: leaf.certificate + certificate, key: await exportKey(keys.privateKey) };
    },
  };
}

function urisOf({ agentId, pool, renewal, serves }: AgentClaims): string[] {
  return [
    `weir://agent/${agentId}`,
    ...(pool === undefined ? [] : [`weir://pool/${pool}`]),
    ...(renewal === undefined ? [] : [`weir://renewal/${renewal}`]),
    ...serves.map((protocol) => `weir://serves/${protocol}`),
  ];
}

/** Largest request that is looked at; real ones have a few hundred bytes. */
const maxRequestBytes = 16_384;

/** Reads a certificate request. @throws WeirError invalid_request when it is not PKCS#10, is not signed by its own key, or has a weak one. */
export async function readRequest(der: Buffer): Promise<x509.Pkcs10CertificateRequest> {
  const refuse = (why: string, cause?: unknown): WeirError =>
    new WeirError('invalid_request', 'The certificate request is refused.', {
      why,
      fix: 'Enrol again with the agent of this version.',
      ...(cause === undefined ? {} : { cause }),
    });
  if (der.length > maxRequestBytes) throw refuse('It is too long.');
  let request: x509.Pkcs10CertificateRequest;
  let isGenuine: boolean;
  try {
    request = new x509.Pkcs10CertificateRequest(der);
    isGenuine = await request.verify();
  } catch (cause) {
    throw refuse('It is not a PKCS#10 request.', cause);
  }
  if (!isGenuine) throw refuse('Its signature does not belong to its key.');
  const key = request.publicKey.algorithm as { name: string; namedCurve?: string };
  const isStrong =
    key.name === 'Ed25519' || (key.name === 'ECDSA' && ['P-256', 'P-384'].includes(key.namedCurve ?? ''));
  if (!isStrong) throw refuse('Its key must be ECDSA P-256, ECDSA P-384 or Ed25519.');
  return request;
}

/** 16 random bytes, first bit 0 (positive) and first byte not 0 (its shortest form). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}
