import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import { syncFolder } from './folder.ts';

/** Keys of a gateway's recordings. Who loses the master key cannot read recordings any more (they still verify). */
export interface RecordingKeys {
  /** 32 bytes: wraps data keys, encrypts the journal. */
  readonly masterKey: Buffer;
  /** Ed25519 private key: signs seals. */
  readonly signingKey: KeyObject;
}

async function readOrCreate(path: string, make: () => Buffer): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  // Written aside and linked, so that a crash leaves a whole key or none, and of two starters both take the first one's.
  const aside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  const file = await open(aside, 'wx', 0o600);
  try {
    await file.writeFile(make());
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(aside);
  }
  return await readFile(path);
}

function wrong(path: string, why: string, cause?: unknown): WeirError {
  const fix = 'Restore the file from a backup; without it, recordings made so far cannot be read or continued.';
  return new WeirError('evidence_broken', `The key file ${path} is not usable.`, { why, fix, cause });
}

/**
 * Loads `recording-master.key` (32 bytes) and `recording-signing.pem` (PKCS #8) of a folder, or makes them with mode 0600.
 * @throws WeirError evidence_broken when a file holds something else.
 */
export async function loadOrCreateRecordingKeys(dir: string): Promise<RecordingKeys> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const masterPath = join(dir, 'recording-master.key');
  const signingPath = join(dir, 'recording-signing.pem');
  const masterKey = await readOrCreate(masterPath, () => randomBytes(32));
  if (masterKey.length !== 32) throw wrong(masterPath, `It holds ${masterKey.length} bytes, not 32.`);
  const pem = await readOrCreate(signingPath, () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  });
  await syncFolder(dir);
  try {
    const signingKey = createPrivateKey(pem);
    if (signingKey.asymmetricKeyType !== 'ed25519') throw new Error('It is not an Ed25519 key.');
    return { masterKey, signingKey };
  } catch (cause) {
    throw wrong(signingPath, cause instanceof Error ? cause.message : 'It is not a private key.', cause);
  }
}
