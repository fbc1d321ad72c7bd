import { createHash, createPublicKey, diffieHellman, encapsulate, generateKeyPairSync } from 'node:crypto';

/** mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex, section 2): the server's half of one key exchange. */
export interface HybridAnswer {
  /** S_REPLY: the ML-KEM ciphertext, then the X25519 public key. */
  readonly reply: Buffer;
  /** K, which is hashed and used as a string, not as an mpint. */
  readonly secret: Buffer;
}

const encapsulationKeyBytes = 1184;
const x25519Bytes = 32;
/** SubjectPublicKeyInfo up to the key: id-alg-ml-kem-768 (2.16.840.1.101.3.4.4.2), 1184 bytes. */
const mlKemHead = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');
/** Likewise id-X25519 (1.3.101.110), 32 bytes. */
const x25519Head = Buffer.from('302a300506032b656e032100', 'hex');

/** Answers C_INIT: the client's encapsulation key, then its X25519 public key. @throws Error when it is malformed, or its X25519 key is of low order. */
export function answerHybrid(init: Buffer): HybridAnswer {
  if (init.length !== encapsulationKeyBytes + x25519Bytes)
    throw new Error(`C_INIT has ${init.length} bytes, not ${encapsulationKeyBytes + x25519Bytes}`);
  const encapsulationKey = spki(mlKemHead, init.subarray(0, encapsulationKeyBytes));
  const theirs = spki(x25519Head, init.subarray(encapsulationKeyBytes));
  const { sharedKey, ciphertext } = encapsulate(encapsulationKey);
  const own = generateKeyPairSync('x25519');
  const classical = diffieHellman({ privateKey: own.privateKey, publicKey: theirs });
  const ownPublic = own.publicKey.export({ type: 'spki', format: 'der' }).subarray(-x25519Bytes);
  return {
    reply: Buffer.concat([ciphertext, ownPublic]),
    secret: createHash('sha256').update(sharedKey).update(classical).digest(),
  };
}

const spki = (head: Buffer, key: Buffer) =>
  createPublicKey({ key: Buffer.concat([head, key]), format: 'der', type: 'spki' });
