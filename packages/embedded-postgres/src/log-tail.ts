import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes from the end of a log that are looked at. */
const tailBytes = 8_192;

/** The last `lines` lines of a log file (at most its last 8 KiB, nothing before `fromByte`); empty when the file does not exist. */
export function readLogTail(path: string, lines = 15, fromByte = 0): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    const length = Math.min(Math.max(0, size - fromByte), tailBytes);
    const buffer = Buffer.alloc(length);
    readSync(file, buffer, 0, length, size - length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}
