import { readFile } from 'node:fs/promises';
import { WeirError } from '@weir/errors';
import type { SecretReference } from './secret-reference.ts';

/** Reads a secret that the configuration refers to; blanks around it are left out. `what` names it in errors. @throws WeirError invalid_request. */
export async function readSecret(reference: SecretReference, what: string): Promise<string> {
  const text = reference.from === 'env' ? process.env[reference.name] : await readSecretFile(reference.path, what);
  const secret = text?.trim() ?? '';
  if (secret !== '') return secret;
  const where = reference.from === 'env' ? `The variable ${reference.name}` : `The file ${reference.path}`;
  throw new WeirError('invalid_request', `The ${what} is missing.`, { why: `${where} is empty or not set.` });
}

async function readSecretFile(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new WeirError('invalid_request', `The ${what} cannot be read.`, {
      why: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
