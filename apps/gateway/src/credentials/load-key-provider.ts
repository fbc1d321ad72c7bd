import { WeirError } from '@weir/errors';
import type { GatewayConfig } from '../config/config-schema.ts';
import { readSecret } from '../config/read-secret.ts';
import { loadSecretKey } from '../config/secret-key.ts';
import type { SecretReference } from '../config/secret-reference.ts';
import { createLocalKeyProvider, type KeyProvider } from './key-provider.ts';

/**
 * The key provider of the configuration: a key of a file or of the environment; without one, a file that the gateway makes in its state folder.
 * @throws WeirError invalid_request that names the place of a key that cannot be used.
 */
export async function loadKeyProvider(
  stateDir: string,
  { encryption, previous }: GatewayConfig['keys'],
): Promise<KeyProvider> {
  const current = encryption === undefined ? await loadSecretKey(stateDir, 'encryption') : await readKey(encryption);
  return createLocalKeyProvider(current, await Promise.all(previous.map(readKey)));
}

async function readKey(reference: SecretReference): Promise<Buffer> {
  const key = Buffer.from(await readSecret(reference, 'key-encryption key'), 'base64');
  if (key.length === 32) return key;
  const where = reference.from === 'env' ? `The variable ${reference.name}` : `The file ${reference.path}`;
  throw new WeirError('invalid_request', 'The key-encryption key cannot be used.', {
    why: `${where} holds ${key.length} bytes in base64, not 32.`,
    fix: 'Put 32 random bytes there: openssl rand -base64 32',
  });
}
