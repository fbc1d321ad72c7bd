import { isDeepStrictEqual } from 'node:util';
import type { ConnectionSpec } from '@weir/api';
import { isWeirError } from '@weir/errors';
import type { Plan } from '@weir/policy';
import { targetOf } from '../connections/target.ts';
import type { LiveSession } from '../dataplane/ports.ts';
import type { SessionEnder } from './end-session.ts';
import { type LiveSessions, liveSessionOf, type SessionEntry } from './live-session.ts';
import type { SessionParts } from './sessions.ts';

type RefreshParts = Pick<
  SessionParts,
  'connections' | 'access' | 'dataPlane' | 'log' | 'accountOf' | 'machineStanding'
> & {
  readonly live: LiveSessions;
  readonly ender: SessionEnder;
  /** Starts the clock of a session again. */
  readonly onShortened: (entry: SessionEntry) => void;
};

/** Compiles policy again for the matching live sessions. Resolves when each has its new plan or has ended. */
export async function refreshSessions(
  parts: RefreshParts,
  matches: (session: LiveSession, entry: SessionEntry) => boolean,
  why: string,
): Promise<void> {
  const matching = parts.live.all().filter((entry) => matches(entry.live, entry));
  // Read once for all: what changes later is told anew, and comes after this.
  const facts = { accountOf: once(parts.accountOf), find: once((name) => findConnection(parts, name)) };
  await Promise.all(
    matching.map((entry) => {
      const turn = entry.refreshing
        .then(() => refresh(parts, facts, entry, why))
        .catch(async (error: unknown) => {
          // Nobody knows what it may do now, and nothing asks again before the next change.
          parts.log.error('a session could not be checked again', error, { session: entry.live.id });
          await parts.ender.end(entry.live.id, `${why}, and what it stands on could not be read`, 'gateway');
        });
      entry.refreshing = turn.catch(() => undefined);
      return turn;
    }),
  );
}

/** Accounts and connections as they are now. */
interface Facts {
  readonly accountOf: RefreshParts['accountOf'];
  readonly find: (name: string) => Promise<ConnectionSpec | undefined>;
}

function once<Value>(read: (name: string) => Promise<Value>): (name: string) => Promise<Value> {
  const known = new Map<string, Promise<Value>>();
  return (name) => {
    const value = known.get(name) ?? read(name);
    known.set(name, value);
    return value;
  };
}

async function refresh(parts: RefreshParts, facts: Facts, entry: SessionEntry, why: string): Promise<void> {
  const { id, principal } = entry.live;
  const end = (reason: string): Promise<boolean> => parts.ender.end(id, reason, 'gateway');
  const { actingFor } = principal;
  const account = await facts.accountOf(principal.name);
  if (account === undefined) return void (await end('the account is disabled'));
  const { machine } = entry.opening;
  const standing = machine && (await parts.machineStanding.of(principal.name, machine));
  if (standing?.problem !== undefined) return void (await end(standing.problem));
  const behind = actingFor && (await facts.accountOf(actingFor.name));
  if (actingFor !== undefined && behind === undefined) {
    return void (await end(`the account of ${actingFor.name}, for whom it acts, is disabled`));
  }
  const connection = await facts.find(entry.live.connection.name);
  if (connection === undefined) return void (await end('the connection was deleted'));
  // Channels that run already stay where they are connected: they must not outlive a change of their target.
  if (!isDeepStrictEqual(targetOf(connection), entry.live.target) || connection.agent !== entry.live.agentName) {
    return void (await end('the target of the connection changed'));
  }
  const now = {
    ...principal,
    kind: account.kind,
    groups: account.groups.filter((group) => machine?.groups?.includes(group) ?? true),
    ...(actingFor && { actingFor: { ...actingFor, groups: [...(behind?.groups ?? [])] } }),
  };
  const { session, grants } = entry.opening;
  const { plan, allowed, reason, fix, endsAtMs } = parts.access.compile(now, connection, { session, only: grants });
  if (!allowed) return void (await end(`${why}: ${reason}${fix === null ? '' : ` ${fix}`}`));
  const before = entry.live.plan as Plan;
  // A rule that became shorter shortens the session; nothing makes it longer.
  const ends = [entry.live.expiresAtMs, endsAtMs, standing?.endsAtMs].filter((end) => end != null);
  const expiresAtMs = Math.min(...ends);
  const isShorter = expiresAtMs < entry.live.expiresAtMs;
  entry.live = liveSessionOf({ ...entry.live, principal: now, connection, plan, expiresAtMs });
  if (isShorter) parts.onShortened(entry);
  if (before.version === plan.version) return;
  try {
    await parts.dataPlane.updatePlan(id, plan);
  } catch (error) {
    parts.log.error('a session did not take its new policy', error, { session: id });
    await end(`${why}, and the agent did not confirm the new rules`);
  }
}

async function findConnection(parts: RefreshParts, name: string): Promise<ConnectionSpec | undefined> {
  try {
    return await parts.connections.find(name);
  } catch (error) {
    if (isWeirError(error) && error.code === 'not_found') return undefined;
    throw error;
  }
}
