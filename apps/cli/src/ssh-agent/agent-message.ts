import { type KeyObject } from 'node:crypto';
import { BlobReader, ed25519Secret, lengthAnd, type SshCertificate, uint32 } from '@weir/ssh-certificate';

/** Numbers of the messages (draft-ietf-sshm-ssh-agent, section 6.1). */
const number = {
  failure: 5,
  success: 6,
  requestIdentities: 11,
  identities: 12,
  remove: 18,
  addConstrained: 25,
} as const;
const lifetimeConstraint = 1;

/** Adds a key of ed25519 with its certificate for so many seconds; the agent forgets it then. */
export function addCertificate(key: KeyObject, certificate: SshCertificate, seconds: number, comment: string): Buffer {
  const secret = ed25519Secret(key);
  return framed(
    Buffer.concat([
      Buffer.of(number.addConstrained),
      ...[certificate.type, certificate.blob, secret.subarray(32), secret, comment].map(lengthAnd),
      Buffer.of(lifetimeConstraint),
      uint32(seconds),
    ]),
  );
}

/** Makes the agent forget a key or certificate. */
export function removeIdentity(blob: Uint8Array): Buffer {
  return framed(Buffer.concat([Buffer.of(number.remove), lengthAnd(blob)]));
}

/** Asks which keys and certificates the agent holds. */
export function requestIdentities(): Buffer {
  return framed(Buffer.of(number.requestIdentities));
}

/** Did the agent do what it was told? */
export function isSuccess(answer: Buffer): boolean {
  return answer.length === 1 && answer[0] === number.success;
}

/** The blobs of an answer to requestIdentities; undefined when it is none. @throws WeirError invalid_request when it is cut off */
export function tryIdentities(answer: Buffer): Buffer[] | undefined {
  if (answer[0] !== number.identities) return undefined;
  const reader = new BlobReader(answer.subarray(1));
  const count = reader.uint32();
  const blobs: Buffer[] = [];
  while (blobs.length < count) {
    blobs.push(reader.bytes());
    reader.bytes();
  }
  return blobs;
}

function framed(message: Buffer): Buffer {
  return lengthAnd(message);
}
