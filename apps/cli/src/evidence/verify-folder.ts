import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { recordingAnchorSchema } from '@weir/api';
import { WeirError } from '@weir/errors';
import { type AnchorCheck, type RecordingAnchor, type RecordingBytes, verifyAgainstAnchors } from '@weir/recording';
import { z } from 'zod';
import { chosen } from './verify-recordings.ts';

/** Verifies copies of recordings in a folder against exported anchors, without a gateway. */
export async function* verifyFolder(
  folder: string,
  anchorFile: string,
  sessions: readonly string[],
): AsyncGenerator<AnchorCheck> {
  const all = await readAnchors(anchorFile);
  const anchors = chosen(all, sessions);
  const names = await recordingsIn(folder);
  const files = sessions.length > 0 ? [] : names;
  yield* verifyAgainstAnchors({ anchors, files, open: (file) => openFile(join(folder, basename(file))) });
}

async function recordingsIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.weirrec')).sort();
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

async function openFile(path: string): Promise<RecordingBytes | null> {
  try {
    await stat(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(path, cause);
  }
  return createReadStream(path);
}

async function readAnchors(path: string): Promise<RecordingAnchor[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw unreadable(path, cause);
  }
  try {
    return z.array(recordingAnchorSchema).parse(JSON.parse(text));
  } catch (cause) {
    throw new WeirError('invalid_request', `The file ${path} does not hold anchors.`, {
      fix: 'Export them from the gateway: weir audit anchors --json > FILE',
      cause,
    });
  }
}

function unreadable(path: string, cause: unknown): WeirError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WeirError('invalid_request', `${path} cannot be read.`, {
    why,
    fix: 'Check the path and its permissions.',
    cause,
  });
}
