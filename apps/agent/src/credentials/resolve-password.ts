import { readFile } from 'node:fs/promises';
import type { CredentialReference } from '@weir/proto';
import type { CredentialUse } from '@weir/session';
import { readKubernetesSecret } from './kubernetes-secret.ts';
import { credentialMissing } from './missing.ts';
import type { SealingKey } from './sealing-key.ts';
import { readVaultSecret } from './vault-secret.ts';

/** A password, or a private key: RSA of 16384 bits takes 12 KiB. */
const maxPasswordBytes = 16_384;

/** Resolves credential references. @throws WeirError target_unavailable that names the reference, never the value. */
export type ResolvePassword = (reference: CredentialReference, use: CredentialUse) => Promise<string | null>;

/** Makes the resolver of this agent's own surroundings (D6). Nothing is kept: each dial asks again, so that a rotated secret counts at once. */
export function createPasswordResolver(parts: {
  readonly sealingKey: SealingKey;
  readonly env?: NodeJS.ProcessEnv;
}): ResolvePassword {
  const { sealingKey, env = process.env } = parts;
  return async (reference, use) => {
    const password = await read(reference, use, sealingKey, env);
    if (password === null) return null;
    if (Buffer.byteLength(password) > maxPasswordBytes)
      throw credentialMissing('it is too large for a password or a key');
    if (password === '') throw credentialMissing('it is empty');
    return password;
  };
}

async function read(
  reference: CredentialReference,
  use: CredentialUse,
  sealingKey: SealingKey,
  env: NodeJS.ProcessEnv,
): Promise<string | null> {
  switch (reference.from) {
    case 'none':
      return null;
    case 'env': {
      const value = env[reference.name];
      if (value === undefined || value === '')
        throw credentialMissing(`the environment variable ${reference.name} is not set at the agent`);
      return value;
    }
    case 'file': {
      const value = await readFile(reference.path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw credentialMissing(`the agent cannot read ${reference.path}: ${cause.code ?? cause.message}`, cause);
      });
      return value.replace(/\r?\n$/, '');
    }
    case 'k8s-secret':
      return readKubernetesSecret(reference, env);
    case 'vault':
      return readVaultSecret(reference, env);
    case 'stored':
      throw credentialMissing('the gateway keeps none that is for this target: weir connections credential NAME');
    case 'sealed':
      return sealingKey.open(reference.jwe, use);
    default:
      throw credentialMissing('the credential reference is of a kind that this agent does not know');
  }
}
