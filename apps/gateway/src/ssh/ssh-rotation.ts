import type { SshAuthority } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import { createTurns } from '../control/turns.ts';
import type { Log } from '../log/create-log.ts';
import type { SshAuthorityRow } from '../store/ssh-authorities.ts';
import { type SshAuthorities, type SshAuthorityPurpose, sshAuthorityPurposes } from './ssh-authorities.ts';

/** Replaces the SSH CAs while they work: both are trusted until the old one's time is over, then it is dropped. */
export interface SshRotation {
  list(): Promise<SshAuthority[]>;
  /** @throws WeirError conflict (one is being replaced already). */
  rotate(purpose: SshAuthorityPurpose, overlapSeconds: number, by: string): Promise<SshAuthority>;
  /** Drops what is due, now and then. */
  start(): Promise<void>;
  stop(): void;
}

/** What it stands on. */
export interface SshRotationParts {
  readonly authorities: SshAuthorities;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/** How often the clock is looked at, ms. */
const checkIntervalMs = 5_000;

/** Makes it. */
export function createSshRotation({ authorities, audit, log, now }: SshRotationParts): SshRotation {
  let timer: NodeJS.Timeout | undefined;
  // One change at a time.
  const inTurn = createTurns();
  const list = async () => viewsOf(await authorities.rows());
  const dropDue = async (): Promise<void> => {
    for (const purpose of sshAuthorityPurposes) {
      if (!authorities.isRotating(purpose)) continue;
      const due = (await authorities.rows()).filter(
        (row) =>
          row.purpose === purpose &&
          row.retired_at === null &&
          row.retires_at !== null &&
          row.retires_at.getTime() <= now(),
      );
      if (due.length === 0) continue;
      for (const { id } of due) {
        const detail = { purpose, before: 'leaving', after: 'dropped' };
        await audit.append({ actor: 'gateway', action: 'ssh-ca-dropped', subject: id, detail });
      }
      await authorities.drop(purpose);
      log.info('an old SSH CA was dropped', { purpose });
    }
  };
  return {
    list,
    rotate: (purpose, overlapSeconds, by) =>
      inTurn(async () => {
        if (authorities.isRotating(purpose)) {
          throw new WeirError('conflict', `The SSH CA for ${purpose} is being replaced already.`, {
            fix: 'See when the old one is dropped: weir ssh ca ls',
          });
        }
        const before = (await list()).find((view) => view.purpose === purpose && view.state === 'current')?.id;
        const retiresAt = new Date(now() + overlapSeconds * 1000);
        await authorities.add(purpose, by, retiresAt, async (id) => {
          const detail = { purpose, before, after: id, overlapSeconds, retiresAt: retiresAt.toISOString() };
          await audit.append({ actor: by, action: 'ssh-ca-rotated', subject: id, detail });
        });
        const made = (await list()).find((view) => view.purpose === purpose && view.state === 'current');
        if (made === undefined) throw new WeirError('internal', 'The new SSH CA is not in the store.');
        return made;
      }),
    start: async () => {
      await inTurn(dropDue);
      timer = setInterval(() => {
        inTurn(dropDue).catch((error: unknown) => log.error('an old SSH CA could not be dropped', error));
      }, checkIntervalMs);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}

function viewsOf(rows: readonly SshAuthorityRow[]): SshAuthority[] {
  return rows.flatMap((row) => {
    const { purpose } = row;
    if (purpose === 'listener') return [];
    const newest = rows.filter((other) => other.purpose === purpose && other.retired_at === null).at(-1);
    const state = row.retired_at !== null ? 'dropped' : row === newest ? 'current' : 'leaving';
    return [
      {
        ...{ id: row.id, purpose, publicKey: row.public_key, state, createdBy: row.created_by },
        createdAt: row.created_at.toISOString(),
        retiresAt: (row.retired_at ?? row.retires_at)?.toISOString() ?? null,
      },
    ];
  });
}
