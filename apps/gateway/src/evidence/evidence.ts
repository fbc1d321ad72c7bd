import { createReadStream } from 'node:fs';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { RecordingAnchor } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import { cutPage, type Page } from '../http/paging.ts';
import type { Caller } from '../identity/caller.ts';
import type { AnchorRepository } from '../store/anchors.ts';
import type { Keyset } from '../store/keyset.ts';

/** Recordings' files and what the store says of them. */
export interface Evidence {
  listAnchors(page: Keyset): Promise<Page<RecordingAnchor>>;
  /** The file's bytes as they are; each read is audited. @throws WeirError not_found. */
  readRecording(caller: Caller, session: string): Promise<Readable>;
}

/** Makes the use-cases. `directory` is the folder of recordings. */
export function createEvidence(parts: { anchors: AnchorRepository; audit: AuditLog; directory: string }): Evidence {
  const { anchors, audit, directory } = parts;
  return {
    listAnchors: async (page) =>
      cutPage(await anchors.list({ ...page, limit: page.limit + 1 }), page, ({ session }) => [session]),
    readRecording: async (caller, session) => {
      const anchor = await anchors.find(session);
      if (anchor === undefined) {
        throw new WeirError('not_found', `There is no recording of the session ${session}.`, {
          fix: 'Run: weir sessions ls',
        });
      }
      const file = createReadStream(join(directory, basename(anchor.file)));
      await new Promise<void>((resolve, reject) => {
        file.once('open', () => resolve());
        file.once('error', (cause) =>
          reject(
            new WeirError('evidence_broken', `The recording of the session ${session} cannot be read.`, {
              why: `Its file ${anchor.file} is anchored in the store but cannot be opened.`,
              cause,
            }),
          ),
        );
      });
      try {
        await audit.append({ actor: caller.name, action: 'recording-read', subject: session });
      } catch (error) {
        file.destroy();
        throw error;
      }
      return file;
    },
  };
}
