import { WeirError } from '@weir/errors';
import type { ConnectedAgent } from '@weir/tunnel';

/** Who an agent is, as the control plane said when it was let in. */
export interface AgentIdentity {
  readonly name: string;
  readonly pool: string;
}

/** The agents that are connected, and which of them serves a session. */
export interface ConnectedAgents {
  /** An agent was let in; its streams are about to come up. */
  admitted(agentId: string, identity: AgentIdentity): void;
  /** @returns who it is; undefined when it was never let in. */
  joined(agent: ConnectedAgent): AgentIdentity | undefined;
  /** @returns who it was; undefined when another connection of it has taken over. */
  left(agent: ConnectedAgent): AgentIdentity | undefined;
  all(): Iterable<ConnectedAgent>;
  named(name: string): ConnectedAgent | undefined;
  nameOf(agent: ConnectedAgent): string | undefined;
  inPool(pool: string): ConnectedAgent[];
  /** The agent for a channel of the session: the one that has its other channels, else the one of the pool with the fewest. @throws WeirError agent_unavailable. */
  serve(pool: string, sessionId: string): ConnectedAgent;
  /** An agent of the pool, for something that belongs to no session. @throws WeirError agent_unavailable. */
  any(pool: string): ConnectedAgent;
  servedBy(sessionId: string): ConnectedAgent | undefined;
  /** The session is over. */
  forget(sessionId: string): void;
}

/** Makes it. */
export function createConnectedAgents(): ConnectedAgents {
  const identities = new Map<string, AgentIdentity>();
  const agents = new Map<string, ConnectedAgent>();
  const pools = new Map<string, Set<ConnectedAgent>>();
  const agentOf = new Map<string, ConnectedAgent>();
  const inPool = (pool: string) => [...(pools.get(pool) ?? [])];
  const any = (pool: string): ConnectedAgent => {
    const [first, ...others] = inPool(pool);
    if (first !== undefined) {
      return others.reduce((best, next) => (next.lane.channelCount < best.lane.channelCount ? next : best), first);
    }
    throw new WeirError('agent_unavailable', `the agent ${pool} is not connected`, {
      fix: `Start it in its network: weir agent run. See who is connected: weir status`,
    });
  };
  return {
    admitted: (agentId, identity) => {
      identities.set(agentId, identity);
    },
    joined: (agent) => {
      const identity = identities.get(agent.agentId);
      if (identity === undefined) return undefined;
      const { name, pool } = identity;
      const before = agents.get(name);
      if (before !== undefined) pools.get(pool)?.delete(before);
      agents.set(name, agent);
      pools.set(pool, (pools.get(pool) ?? new Set()).add(agent));
      return identity;
    },
    left: (agent) => {
      const identity = identities.get(agent.agentId);
      if (identity === undefined) return undefined;
      pools.get(identity.pool)?.delete(agent);
      if (agents.get(identity.name) !== agent) return undefined;
      agents.delete(identity.name);
      return identity;
    },
    all: () => agents.values(),
    named: (name) => agents.get(name),
    nameOf: ({ agentId }) => identities.get(agentId)?.name,
    inPool,
    serve: (pool, sessionId) => {
      const before = agentOf.get(sessionId);
      const agent = before !== undefined && pools.get(pool)?.has(before) ? before : any(pool);
      agentOf.set(sessionId, agent);
      return agent;
    },
    any,
    servedBy: (sessionId) => agentOf.get(sessionId),
    forget: (sessionId) => {
      agentOf.delete(sessionId);
    },
  };
}
