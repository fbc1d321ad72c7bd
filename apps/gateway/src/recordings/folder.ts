import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes a folder's names durable: a new or renamed file survives a power cut only after this. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Where the evidence lies below one state folder. */
export interface EvidenceFolders {
  readonly journal: string;
  readonly recordings: string;
}

/** Folders of journal segments and recordings. */
export function evidenceFolders(dir: string): EvidenceFolders {
  return { journal: join(dir, 'journal'), recordings: join(dir, 'recordings') };
}

/** File name of a sealed recording. */
export function sealedFile(session: string): string {
  return `${session}.weirrec`;
}

/** File name of a recording that still grows. */
export function openFile(session: string): string {
  return `${session}.part`;
}
