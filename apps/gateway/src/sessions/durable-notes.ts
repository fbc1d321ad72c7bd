import { WeirError } from '@weir/errors';
import type { SessionEvent } from '@weir/recording';
import type { Journal } from '../dataplane/ports.ts';

/** Writes events of sessions that something waits for. */
export interface DurableNotes {
  /** Resolves when the event is durable. @throws WeirError recording_unavailable. */
  write(session: string, event: SessionEvent): Promise<void>;
}

/** A healthy journal needs milliseconds. */
const timeoutMs = 10_000;

/** Makes the writer. When the journal breaks, all that wait are told at once. */
export function createDurableNotes(journal: Pick<Journal, 'note' | 'whenDurable' | 'onBroken'>): DurableNotes {
  const waiting = new Set<(error: Error) => void>();
  journal.onBroken((error) => {
    for (const fail of waiting) fail(error);
  });
  const write = (session: string, event: SessionEvent): Promise<void> =>
    new Promise((resolve, reject) => {
      const position = journal.note(session, event);
      const timer = setTimeout(() => fail(new Error('the journal does not answer')), timeoutMs);
      const end = (): void => {
        clearTimeout(timer);
        waiting.delete(fail);
      };
      const fail = (error: Error): void => {
        end();
        reject(error);
      };
      waiting.add(fail);
      journal.whenDurable(position, () => {
        end();
        resolve();
      });
    });
  return {
    write: async (session, event) => {
      try {
        await write(session, event);
      } catch (cause) {
        throw new WeirError('recording_unavailable', 'The session cannot be recorded, so it is not opened.', { cause });
      }
    },
  };
}
