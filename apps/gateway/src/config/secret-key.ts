import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import { writeFileAtomically } from './write-file.ts';

/** Reads a 32-byte key of the gateway from `<stateDir>/keys/<name>.key` (base64, 0600); makes it at the first start. */
export async function loadSecretKey(stateDir: string, name: string): Promise<Buffer> {
  const file = join(stateDir, 'keys', `${name}.key`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined) {
    const key = Buffer.from(text.trim(), 'base64');
    if (key.length === 32) return key;
    throw new WeirError('internal', `The key file ${file} is damaged.`, {
      why: 'It does not hold 32 bytes in base64.',
      fix: 'Restore it from a backup: without it, stored statements cannot be read.',
    });
  }
  const key = randomBytes(32);
  await writeFileAtomically(file, `${key.toString('base64')}\n`);
  return key;
}
