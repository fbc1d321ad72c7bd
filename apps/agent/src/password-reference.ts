import { readFile } from 'node:fs/promises';
import { WeirError } from '@weir/errors';
import type { PostgresTarget } from '@weir/proto';

const maxPasswordBytes = 4096;

/** Resolves a target's credential reference in this agent's own surroundings (D6). @throws WeirError target_unavailable that names the reference, never the value. */
export async function resolvePassword(
  reference: PostgresTarget['password'],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | null> {
  switch (reference.from) {
    case 'none':
      return null;
    case 'env': {
      const value = env[reference.name];
      if (value === undefined || value === '')
        throw missing(`the environment variable ${reference.name} is not set at the agent`);
      return value;
    }
    case 'file': {
      const value = await readFile(reference.path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw missing(`the agent cannot read ${reference.path}: ${cause.code ?? cause.message}`, cause);
      });
      if (value.length > maxPasswordBytes) throw missing(`${reference.path} is too large for a password`);
      return value.replace(/\r?\n$/, '');
    }
    default:
      throw missing('the credential reference is of a kind that this agent does not know');
  }
}

const missing = (why: string, cause?: unknown) =>
  new WeirError('target_unavailable', `the credential of the target is missing: ${why}`, {
    why,
    cause,
    fix: 'Set it where the agent runs, then start the agent again.',
  });
