import type { ConnectionSpec } from '@weir/api';
import type { Plan, SessionFacts } from '@weir/policy';
import type { Principal } from '@weir/proto';
import { factsOf } from '../access/access.ts';
import { targetOf } from '../connections/target.ts';
import type { LiveSession, SessionVerifier } from '../dataplane/ports.ts';
import type { MachineSignIn } from '../store/users.ts';

/** A live session with what the control plane keeps beside it. */
export interface SessionEntry {
  live: LiveSession;
  /** Name that native clients sign in as. */
  readonly login: string;
  /** Sign-in that opened it (`tokenId` of the caller): the session does not outlive its revocation. */
  readonly signIn: string;
  readonly channels: Set<number>;
  /** Numbers that lists show. */
  readonly counts: { channels: number; statements: number; denied: number; clientAddress: string | null };
  isCountStored: boolean;
  /** What was so when it was opened and stays so: what conditions read, and the ids of the grants that it may stand on. */
  readonly opening: {
    readonly session: SessionFacts;
    readonly grants: ReadonlySet<string>;
    /** What a service or an AI agent signed in by. */
    readonly machine: MachineSignIn | undefined;
  };
  /** What its clients are told when its time is over. */
  readonly expiryReason: string;
  expiry: NodeJS.Timeout | undefined;
  /** Refreshes of one session run one after the other, so that the newest rules stay. */
  refreshing: Promise<void>;
}

/** What a session is made of. */
export interface SessionIngredients {
  readonly id: string;
  readonly principal: Principal;
  readonly connection: ConnectionSpec;
  readonly plan: Plan;
  readonly verifier: SessionVerifier;
  readonly via: 'native' | 'connect';
  readonly expiresAtMs: number;
}

/** The session as the data plane sees it. */
export function liveSessionOf(parts: SessionIngredients): LiveSession {
  const { id, principal, connection, plan, verifier, via, expiresAtMs } = parts;
  return {
    id,
    principal,
    connection: factsOf(connection),
    target: targetOf(connection),
    agentName: connection.agent,
    plan,
    verifier,
    via,
    expiresAtMs,
  };
}

/** Live sessions by id and by login. */
export interface LiveSessions {
  add(entry: SessionEntry): void;
  byId(id: string): SessionEntry | undefined;
  byLogin(login: string): SessionEntry | undefined;
  /** Takes a session out: from now on nobody finds it. */
  take(id: string): SessionEntry | undefined;
  all(): SessionEntry[];
}

/** Makes the map. */
export function createLiveSessions(): LiveSessions {
  const entries = new Map<string, SessionEntry>();
  const idOfLogin = new Map<string, string>();
  const byId = (id: string): SessionEntry | undefined => entries.get(id);
  return {
    add: (entry) => {
      entries.set(entry.live.id, entry);
      idOfLogin.set(entry.login, entry.live.id);
    },
    byId,
    byLogin: (login) => {
      const id = idOfLogin.get(login);
      return id === undefined ? undefined : byId(id);
    },
    take: (id) => {
      const entry = entries.get(id);
      if (entry === undefined) return undefined;
      entries.delete(id);
      idOfLogin.delete(entry.login);
      return entry;
    },
    all: () => [...entries.values()],
  };
}
