import type { Connection, ConnectionSpec, ConnectionTest } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Access, AccessDecision } from '../access/access.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { DataPlaneLink } from '../control/data-plane-link.ts';
import { type Caller, principalOf, seesAll } from '../identity/caller.ts';
import type { ConnectionRepository } from '../store/connections.ts';
import { targetOf } from './target.ts';

/** The named targets that people reach. */
export interface Connections {
  /** Those that the caller may open or ask for; all for admins. */
  list(caller: Caller): Promise<Connection[]>;
  /** @throws WeirError not_found with the nearest names that the caller may see. */
  find(name: string): Promise<ConnectionSpec>;
  put(spec: ConnectionSpec, caller: Caller): Promise<Connection>;
  /** Adds a connection at start if its name is free. */
  ensure(spec: ConnectionSpec): Promise<void>;
  delete(name: string, by: string): Promise<void>;
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
    const { protocol, database } = target;
    return { name, protocol, labels, agent, agentOnline: dataPlane.agentOnline(agent), database, allowed, reason };
  };
  const find = async (name: string): Promise<ConnectionSpec> => {
    const spec = await connections.find(name);
    if (spec === undefined) throw new WeirError('not_found', `There is no connection ${name}.`);
    return spec;
  };
  return {
    list: async (caller) => {
      const decided = (await connections.list()).map((spec) => ({ spec, decision: decisionOf(spec, caller) }));
      return decided
        .filter(({ decision }) => decision.allowed || decision.fix !== null || seesAll(caller))
        .map(({ spec, decision }) => viewOf(spec, decision));
    },
    find,
    put: async (spec, caller) => {
      const { host, port, database } = spec.target;
      const detail = { agent: spec.agent, host, port, database };
      await audit.append({ actor: caller.name, action: 'connection-changed', subject: spec.name, detail });
      await connections.put(spec);
      await tell(spec.name, spec);
      return viewOf(spec, decisionOf(spec, caller));
    },
    ensure: async (spec) => {
      if ((await connections.find(spec.name)) !== undefined) return;
      await audit.append({ actor: 'bootstrap', action: 'connection-changed', subject: spec.name });
      await connections.put(spec);
    },
    delete: async (name, by) => {
      await find(name);
      await audit.append({ actor: by, action: 'connection-deleted', subject: name });
      await connections.delete(name);
      await tell(name, undefined);
    },
    test: async (name, by) => {
      const spec = await find(name);
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
