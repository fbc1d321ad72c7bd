import { isWeirError } from '@weir/errors';
import {
  checkCertificate,
  formatKeyLine,
  formatKnownHost,
  includesAddress,
  parseAuthorizedKey,
  parseCertificate,
  parseKeyLine,
  parseKnownHost,
  parsePublicKey,
  type SshPublicKey,
  verifySignature,
} from '@weir/ssh-certificate';
import { type FuzzTarget, must } from '../core/target.ts';

/** The CA of the seeds; nobody has its private key any more. */
const authority = parseKeyLine('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMA5rdGDPiY86NrYFrzIN2cH5kiiXIhtdUFcuGgfPBGY').key;
/** The one certificate for alice that it has signed, without the signature. */
const signedPart = Buffer.from(
  'AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAAAAIEIICqqP/X3CQo65Vg3IYrLKtMYpH8Zt9mvnpseo/6WZAAAAAAAAAAcAAAABAAAACndlaXI6YWxpY2UAAAAJAAAABWFsaWNlAAAAAGlVuMQAAAAAaVW7WAAAACQAAAAOc291cmNlLWFkZHJlc3MAAAAOAAAACjEwLjAuMC4wLzgAAAASAAAACnBlcm1pdC1wdHkAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgwDmt0YM+Jjzo2tgWvMg3ZwfmSKJciG11QVy4aB88EZg=',
  'base64',
);
const nowMs = Date.UTC(2026, 0, 1);
/** Inputs begin with a byte that says what reads the rest. */
const readers = [
  readCertificate,
  readKey,
  readLine,
  readKnownHost,
  readAuthorizedKey,
  readSignature,
  readAddresses,
] as const;

/** Keys, certificates, signatures and lines of files of OpenSSH. */
export const sshCertificateTarget: FuzzTarget = {
  what: 'what is read of SSH clients, hosts and files: keys, certificates, signatures, lines',
  maxBytes: 8192,
  maxMs: 1000,
  maxBufferBytes: 1024 * 1024,
  dictionary: [
    ...['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256', 'nistp256', 'sk-ssh-ed25519@openssh.com', 'ssh:'],
    ...['ssh-ed25519-cert-v01@openssh.com', 'force-command', 'source-address', 'permit-pty', 'alice', 'bob'],
    ...['@cert-authority ', '@revoked ', 'cert-authority,', 'command="x" ', '|1|', '10.0.0.0/8', '::ffff:', '/128'],
  ].flatMap((text) => [Buffer.from(text), withLength(text)]),
  run: (input) => {
    try {
      readers[(input[0] ?? 0) % readers.length]?.(input.subarray(1));
    } catch (error) {
      if (!isWeirError(error) || error.code !== 'invalid_request') throw error;
    }
  },
};

/** Only what the CA has signed is taken, for whom it says alone. */
function readCertificate(input: Buffer): void {
  const certificate = parseCertificate(input);
  const expected = { kind: 'user', authorities: [authority], nowMs, address: '10.0.0.1' } as const;
  for (const principal of ['bob', 'root', '']) {
    must(
      !checkCertificate(certificate, { ...expected, principal }).isValid,
      'a certificate is taken for somebody else',
    );
  }
  const isValid = checkCertificate(certificate, { ...expected, principal: 'alice' }).isValid;
  must(!isValid || certificate.signed.equals(signedPart), 'a certificate is taken that nobody has signed');
  sameKey(certificate.key);
}

/** A key has one form. */
function readKey(input: Buffer): void {
  const key = parsePublicKey(input);
  must(key.blob.equals(input), 'a key is read of two different blobs');
}

function readLine(input: Buffer): void {
  const { key, certificate, comment } = parseKeyLine(input.toString('latin1'));
  const type = certificate?.type ?? key.type;
  const again = parseKeyLine(formatKeyLine(type, certificate?.blob ?? key.blob, comment));
  must(
    again.key.blob.equals(key.blob) && again.comment === comment,
    'a line is read otherwise when it is written again',
  );
}

function readKnownHost(input: Buffer): void {
  const known = parseKnownHost(input.toString('latin1'));
  if (known === undefined || known.certificate !== undefined) return;
  const again = parseKnownHost(formatKnownHost(known.hosts, known.key, known.marker));
  must(again?.marker === known.marker && again?.hosts.join() === known.hosts.join(), 'a known host changes');
}

function readAuthorizedKey(input: Buffer): void {
  const line = parseAuthorizedKey(input.toString('latin1'));
  if (line !== undefined) sameKey(line.key);
}

/** Nobody signs without the private key. */
function readSignature(input: Buffer): void {
  must(
    verifySignature(authority, Buffer.from('text'), input) === undefined,
    'a signature is taken that nobody has made',
  );
}

function readAddresses(input: Buffer): void {
  const [list = '', address = ''] = input.toString('latin1').split('\n', 2);
  must(
    !includesAddress(list, address) || !includesAddress(`${list},x`, address),
    'a list that is not understood includes somebody',
  );
}

function sameKey(key: SshPublicKey): void {
  must(parsePublicKey(key.blob).blob.equals(key.blob), 'a key is read otherwise when it is written again');
}

function withLength(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
}
