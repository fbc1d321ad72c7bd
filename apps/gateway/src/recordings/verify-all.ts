import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type AnchorCheck, type RecordingBytes, verifyAgainstAnchors } from '@weir/recording';
import type { AnchorStore } from './anchor-store.ts';
import { evidenceFolders } from './folder.ts';

async function openRecording(path: string): Promise<RecordingBytes | null> {
  try {
    const handle = await open(path, 'r');
    return createReadStream('', { fd: handle });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Verifies every recording of a state folder against the store's anchors: one result for each anchor, and one for each file without.
 * `weir audit verify` does the same with bytes that it fetched (`verifyAgainstAnchors`).
 */
export async function* verifyAll(options: {
  readonly dir: string;
  readonly anchors: AnchorStore;
}): AsyncGenerator<AnchorCheck> {
  const { recordings } = evidenceFolders(options.dir);
  // Anchors first: recordings only grow after them.
  const anchors = await options.anchors.list();
  const files = (await readdir(recordings)).filter((name) => /\.(weirrec|part)$/.test(name)).sort();
  yield* verifyAgainstAnchors({ anchors, files, open: (file) => openRecording(join(recordings, file)) });
}
