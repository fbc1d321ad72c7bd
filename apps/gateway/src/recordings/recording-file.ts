import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordingAnchor } from '@weir/recording';
import { openFile, sealedFile, syncFolder } from './folder.ts';
import type { Part, SessionLog } from './session-log.ts';

async function* pieces(log: SessionLog, parts: readonly Part[], seal: boolean): AsyncGenerator<Buffer> {
  const { recording } = log;
  if (recording === null) throw new Error('the recording is not open');
  if (recording.bytes === 0) yield recording.writer.head;
  for (const part of parts) yield await recording.writer.chunk(part.buffer.subarray(0, part.used), part.entries);
  if (seal) yield recording.writer.seal();
}

/**
 * Appends parts to a session's open recording, seals it when asked, and makes it durable: content by fdatasync, names by fsync of the folder.
 * Returns the anchor to store; its `bytes` are the file's new length, which the caller notes together with letting go of the parts. After an error the file is not to be trusted; recovery writes it anew from the journal.
 */
export async function writeRecording(
  dir: string,
  log: SessionLog,
  parts: readonly Part[],
  seal: boolean,
): Promise<RecordingAnchor> {
  const { recording } = log;
  if (recording === null) throw new Error('the recording is not open');
  const path = join(dir, openFile(log.session));
  const created = recording.bytes === 0;
  const handle = await open(path, created ? 'wx' : 'r+', 0o600);
  try {
    let at = recording.bytes;
    for await (const piece of pieces(log, parts, seal)) {
      for (let done = 0; done < piece.length; ) {
        done += (await handle.write(piece, done, piece.length - done, at + done)).bytesWritten;
      }
      at += piece.length;
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
  if (seal) await rename(path, join(dir, sealedFile(log.session)));
  if (seal || created) await syncFolder(dir);
  return recording.writer.anchor(seal ? sealedFile(log.session) : openFile(log.session));
}
