import type { AuthorityView } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import type { DataPlaneLink } from '../control/data-plane-link.ts';
import { createTurns } from '../control/turns.ts';
import type { Log } from '../log/create-log.ts';
import type { AgentRepository, AgentRow } from '../store/agents.ts';
import type { AuthorityRow } from '../store/authorities.ts';
import type { Authorities } from './authorities.ts';

/** What an agent should trust. */
export interface AgentTrust {
  /** PEM. */
  readonly ca: string;
  /** One CA replaces another now. */
  readonly isRotating: boolean;
  /** The agent's certificate is of the one that will be dropped. */
  readonly isRenewalDue: boolean;
}

/**
 * Replaces the gateway's CA while agents work. The new one signs agents at once, and agents are told of it: those that are connected now, others when they connect, renew
 * or recover. The listeners show a certificate of the old one until its time is over; then it is dropped, and what it signed is worth nothing.
 */
export interface AuthorityRotation {
  list(): Promise<AuthorityView[]>;
  /** @throws WeirError conflict (one is being replaced already). */
  rotate(overlapSeconds: number, by: string): Promise<AuthorityView>;
  trustOf(agentId: string): Promise<AgentTrust>;
  /** Drops what is due, now and then. */
  start(): Promise<void>;
  stop(): void;
}

/** What the rotation stands on. */
export interface RotationParts {
  readonly authorities: Authorities;
  readonly agents: Pick<AgentRepository, 'find' | 'list'>;
  readonly dataPlane: DataPlaneLink;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/** How often the clock is looked at, ms. */
const checkIntervalMs = 1_000;

/** Makes it. */
export function createAuthorityRotation(parts: RotationParts): AuthorityRotation {
  const { authorities, agents, dataPlane, audit, log, now } = parts;
  let timer: NodeJS.Timeout | undefined;
  // One change at a time.
  const inTurn = createTurns();
  const views = async () => viewsOf(await authorities.rows(), await behind(parts));
  const dropIfDue = async (): Promise<void> => {
    if (!authorities.isRotating) return;
    const due = (await authorities.rows()).filter(
      ({ retired_at: retired, retires_at: at }) => retired === null && at !== null && at.getTime() <= now(),
    );
    if (due.length === 0) return;
    const left = await behind(parts);
    for (const { id } of due) {
      const detail = { agentsLeftBehind: left.map(({ name }) => name) };
      await audit.append({ actor: 'gateway', action: 'ca-dropped', subject: id, detail });
    }
    await authorities.drop();
    log.info('the old CA was dropped', { agentsLeftBehind: left.length });
    for (const { name } of left)
      dataPlane.disconnectAgent(name, 'its certificate is of a CA that was dropped', 'for-now');
    dataPlane.trustChanged();
  };
  return {
    list: views,
    rotate: (overlapSeconds, by) =>
      inTurn(async () => {
        if (authorities.isRotating) {
          throw new WeirError('conflict', 'The CA is being replaced already.', {
            fix: 'See when the old one is dropped: weir agent ca ls',
          });
        }
        const retiresAt = new Date(now() + overlapSeconds * 1000);
        const [before] = authorities.pins;
        await authorities.add(by, retiresAt, async (id) => {
          const detail = { before, after: id, overlapSeconds, retiresAt: retiresAt.toISOString() };
          await audit.append({ actor: by, action: 'ca-rotated', subject: id, detail });
        });
        dataPlane.trustChanged();
        const made = (await views()).find(({ state }) => state === 'current');
        if (made === undefined) throw new WeirError('internal', 'The new CA is not in the store.');
        return made;
      }),
    trustOf: async (agentId) => {
      const row = await agents.find(agentId);
      const isOld = row !== undefined && !authorities.isNewest(row.issuer);
      return { ca: authorities.bundle, isRotating: authorities.isRotating, isRenewalDue: isOld };
    },
    start: async () => {
      await inTurn(dropIfDue);
      timer = setInterval(() => {
        inTurn(dropIfDue).catch((error: unknown) => log.error('the old CA could not be dropped', error));
      }, checkIntervalMs);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}

/** Agents whose certificate is not of the newest CA. */
async function behind({ authorities, agents }: RotationParts): Promise<AgentRow[]> {
  return (await agents.list()).filter(({ issuer }) => !authorities.isNewest(issuer));
}

function viewsOf(rows: readonly AuthorityRow[], behind: readonly AgentRow[]): AuthorityView[] {
  const trusted = rows.filter((row) => row.retired_at === null);
  return rows.map((row) => ({
    id: row.id,
    state: row.retired_at !== null ? 'dropped' : row === trusted.at(-1) ? 'current' : 'leaving',
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    retiresAt: (row.retired_at ?? row.retires_at)?.toISOString() ?? null,
    agents: behind.filter(({ issuer }) => (issuer ?? rows[0]?.id) === row.id).map(({ name }) => name),
  }));
}
