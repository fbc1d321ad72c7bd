import { createPrivateKey, type KeyObject } from 'node:crypto';
import { WeirError } from '@weir/errors';
import { publicKeyOf } from '@weir/ssh-certificate';
import ssh2 from 'ssh2';

/** Reads a private key: OpenSSH's format, PKCS #8 or the older PEM ones, without passphrase. @throws WeirError target_unavailable that says why, never what */
export function readPrivateKey(text: string): KeyObject {
  const key = text.includes('BEGIN OPENSSH PRIVATE KEY') ? fromOpenSsh(text) : fromPem(text);
  try {
    publicKeyOf(key);
  } catch (cause) {
    throw unusable('it is of a kind that is not taken: use ed25519, ecdsa, or RSA of 2048 bits and more', cause);
  }
  return key;
}

function fromOpenSsh(text: string): KeyObject {
  const parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error) {
    const isLocked = /passphrase|encrypted/i.test(parsed.message);
    throw unusable(isLocked ? 'it has a passphrase: give the agent one without' : 'it is damaged', parsed);
  }
  return createPrivateKey(parsed.getPrivatePEM());
}

function fromPem(text: string): KeyObject {
  if (!text.includes('PRIVATE KEY-----')) throw unusable('it is no private key');
  if (/ENCRYPTED/.test(text)) throw unusable('it has a passphrase: give the agent one without');
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw unusable('it is damaged', cause);
  }
}

function unusable(why: string, cause?: unknown): WeirError {
  return new WeirError('target_unavailable', `the private key of the connection cannot be used: ${why}`, {
    why,
    fix: 'Put an OpenSSH or PEM private key where the connection says, then: weir connections test NAME',
    cause,
  });
}
