import { type Connection, type ConnectionSpec, type ConnectionTest, differencesOf } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Access, AccessDecision } from '../access/access.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { DataPlaneLink } from '../control/data-plane-link.ts';
import { type Precondition, requirePrecondition } from '../http/precondition.ts';
import { Tagged } from '../http/tagged.ts';
import { type Caller, principalOf, seesAll } from '../identity/caller.ts';
import type { ConnectionRepository, StoredConnection } from '../store/connections.ts';
import { targetOf } from './target.ts';

/** The named targets that people reach. */
export interface Connections {
  /** Those that the caller may open or ask for; all for admins. */
  list(caller: Caller): Promise<Connection[]>;
  /** @throws WeirError not_found with the nearest names that the caller may see. */
  find(name: string): Promise<ConnectionSpec>;
  /** The definition with its version. @throws WeirError not_found. */
  read(name: string): Promise<Tagged<ConnectionSpec>>;
  /** @throws WeirError precondition_failed when the connection is not as the request expects it. */
  put(spec: ConnectionSpec, caller: Caller, onlyIf?: Precondition): Promise<Tagged<Connection>>;
  /** Adds a connection at start if its name is free. */
  ensure(spec: ConnectionSpec): Promise<void>;
  /** @throws WeirError precondition_failed when the connection is not as the request expects it. */
  delete(name: string, by: string, onlyIf?: Precondition): Promise<void>;
  test(name: string, by: string): Promise<ConnectionTest>;
  /** Told before a change is answered; undefined = deleted. */
  onChange(listener: (name: string, spec: ConnectionSpec | undefined) => Promise<void>): void;
}

/** What connections stand on. */
export interface ConnectionParts {
  readonly connections: ConnectionRepository;
  readonly access: Access;
  readonly dataPlane: DataPlaneLink;
  readonly audit: AuditLog;
}

/** Makes the use-cases. */
export function createConnections(parts: ConnectionParts): Connections {
  const { connections, access, dataPlane, audit } = parts;
  const listeners: ((name: string, spec: ConnectionSpec | undefined) => Promise<void>)[] = [];
  const tell = async (name: string, spec: ConnectionSpec | undefined): Promise<void> => {
    for (const listener of listeners) await listener(name, spec);
  };
  const decisionOf = (spec: ConnectionSpec, caller: Caller) =>
    access.compile(principalOf(caller), spec, {
      session: { clientAddress: caller.clientAddress, mfaAtMs: caller.mfaAtMs },
    });
  const viewOf = (spec: ConnectionSpec, { allowed, reason: why, fix }: AccessDecision): Connection => {
    const reason = fix === null ? why : `${why} ${fix}`;
    const { name, labels, agent, target } = spec;
    const leadsTo = target.protocol === 'ssh' ? { user: target.user } : { database: target.database };
    const agentOnline = dataPlane.agentOnline(agent);
    return { name, protocol: target.protocol, labels, agent, agentOnline, ...leadsTo, allowed, reason };
  };
  const found = async (name: string): Promise<StoredConnection> => {
    const stored = await connections.findStored(name);
    if (stored === undefined) throw new WeirError('not_found', `There is no connection ${name}.`);
    return stored;
  };
  // Changes take turns, so that what a precondition was held against is what is changed.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const result = turn.then(change);
    turn = result.catch(() => undefined);
    return result;
  };
  const store = async (spec: ConnectionSpec, by: string, onlyIf: Precondition): Promise<StoredConnection> => {
    const old = await connections.findStored(spec.name);
    requireVersion(onlyIf, spec.name, old);
    const before = old?.spec ?? null;
    const fields = differencesOf(before ?? {}, spec).map(({ field }) => field);
    const detail = { before, after: spec, fields };
    await audit.append({ actor: by, action: 'connection-changed', subject: spec.name, detail });
    return connections.put(spec, by, before === null ? [] : fields);
  };
  return {
    list: async (caller) => {
      const decided = (await connections.list()).map((spec) => ({ spec, decision: decisionOf(spec, caller) }));
      return decided
        .filter(({ decision }) => decision.allowed || decision.fix !== null || seesAll(caller))
        .map(({ spec, decision }) => viewOf(spec, decision));
    },
    find: async (name) => (await found(name)).spec,
    read: async (name) => {
      const { spec, version } = await found(name);
      return new Tagged(spec, version);
    },
    put: (spec, caller, onlyIf = {}) =>
      inTurn(async () => {
        const { version } = await store(spec, caller.name, onlyIf);
        await tell(spec.name, spec);
        return new Tagged(viewOf(spec, decisionOf(spec, caller)), version);
      }),
    ensure: async (spec) => {
      if ((await connections.findStored(spec.name)) === undefined) await store(spec, 'bootstrap', {});
    },
    delete: (name, by, onlyIf = {}) =>
      inTurn(async () => {
        const old = await found(name);
        requireVersion(onlyIf, name, old);
        const detail = { before: old.spec, after: null };
        await audit.append({ actor: by, action: 'connection-deleted', subject: name, detail });
        await connections.delete(name);
        await tell(name, undefined);
      }),
    test: async (name, by) => {
      const { spec } = await found(name);
      if (!dataPlane.agentOnline(spec.agent)) {
        throw new WeirError('agent_unavailable', `The agent ${spec.agent} of ${name} is not connected.`);
      }
      const result = await dataPlane.testConnection({ name, agent: spec.agent }, targetOf(spec));
      await audit.append({ actor: by, action: 'connection-tested', subject: name, detail: { ok: result.ok } });
      return result;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}

function requireVersion(onlyIf: Precondition, name: string, stored: StoredConnection | undefined): void {
  const current = stored && { ...stored, changes: stored.changedFields };
  requirePrecondition(onlyIf, current, `The connection ${name}`);
}
