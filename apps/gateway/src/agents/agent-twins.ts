import { createHash, randomBytes } from 'node:crypto';
import { WeirError } from '@weir/errors';
import type { AgentHolder } from '../dataplane/ports.ts';
import type { AgentNonceRepository } from '../store/agent-nonces.ts';
import type { AgentRow } from '../store/agents.ts';
import type { AgentParts } from './agents.ts';

/**
 * Notices that an identity has two holders: a copied disk or a stolen key. Each connection and then each 20 seconds an agent gets a new nonce, which it stores
 * before it says so; from then on the one before is worth nothing. Whoever shows an old one holds a copy, or is the one who was copied: both are locked.
 */
export interface AgentTwins {
  /** An authorised agent says hello with its last nonce (empty = it has none). @throws WeirError not_permitted, after it has locked the agent. */
  identify(agentId: string, nonce: Uint8Array, holder: AgentHolder): Promise<void>;
  /** A new nonce (32 bytes) to give. @throws WeirError not_permitted when the agent's certificate has ended, which ends its link. */
  nextNonce(agentId: string): Promise<Buffer>;
  /** The agent has stored it. */
  nonceStored(agentId: string, nonce: Uint8Array): Promise<void>;
  /** Two living processes hold the identity. */
  twins(agentId: string, first: AgentHolder, second: AgentHolder): Promise<void>;
  /** Somebody showed what only a copy can still have. */
  copySeen(agentId: string, reason: string, detail: Readonly<Record<string, unknown>>): Promise<void>;
  /** @throws WeirError not_found, conflict (locked already). */
  lock(name: string, reason: string, by: string): Promise<void>;
  /** The next holder that connects is believed: the copy must be gone by then. @throws WeirError not_found, conflict (not locked). */
  unlock(name: string, by: string): Promise<void>;
}

/** What twins stand on beside the agents' parts. */
export type TwinParts = Pick<AgentParts, 'agents' | 'dataPlane' | 'audit' | 'now'> & {
  readonly nonces: AgentNonceRepository;
  /** Ends the live sessions of an agent that is locked. */
  readonly onLocked: (agent: { readonly name: string; readonly pool: string }, reason: string) => Promise<void>;
};

/** Why a locked agent is refused. */
export function lockedReason(row: Pick<AgentRow, 'lock_reason'>): string {
  return `It is locked: ${row.lock_reason ?? 'an administrator locked it'}`;
}

/** Makes it. */
export function createAgentTwins(parts: TwinParts): AgentTwins {
  const { agents, nonces, audit } = parts;
  const named = async (name: string): Promise<AgentRow> => {
    const row = await agents.findByName(name);
    if (row !== undefined) return row;
    throw new WeirError('not_found', `There is no agent ${name}.`, { fix: 'Run: weir agent ls' });
  };
  return {
    identify: async (agentId, nonce, holder) => {
      const verdict = await nonces.show(agentId, nonce.length === 0 ? null : hashOf(nonce));
      if (verdict !== 'stale') return;
      const reason = 'it showed an old nonce: a copy of this agent runs, or ran';
      await lockFor(parts, agentId, reason, { holder });
      throw new WeirError('not_permitted', 'The gateway does not accept this agent.', {
        why: `It is locked: ${reason}.`,
        fix: 'Remove the copy, then: weir agent unlock NAME. Or enrol the agent anew: weir agent token NAME',
      });
    },
    nextNonce: async (agentId) => {
      await endLinkOfEnded(parts, agentId);
      const nonce = randomBytes(32);
      await nonces.give(agentId, hashOf(nonce));
      return nonce;
    },
    nonceStored: (agentId, nonce) => nonces.confirm(agentId, hashOf(nonce)),
    twins: (agentId, first, second) =>
      lockFor(parts, agentId, 'two processes hold its identity at the same time', { holders: [first, second] }),
    copySeen: (agentId, reason, detail) => lockFor(parts, agentId, reason, detail),
    lock: async (name, reason, by) => {
      const { id, pool } = await named(name);
      const text = reason === '' ? `${by} locked it` : `${by} locked it: ${reason}`;
      if (!(await lock(parts, { id, name, pool }, text, by, {}))) {
        throw new WeirError('conflict', `The agent ${name} is locked already.`, { fix: 'Run: weir agent ls' });
      }
    },
    unlock: async (name, by) => {
      const { id, locked_at: at, lock_reason: reason } = await named(name);
      if (at === null) {
        throw new WeirError('conflict', `The agent ${name} is not locked.`, { fix: 'Run: weir agent ls' });
      }
      const detail = { agentId: id, was: reason, before: { locked: reason }, after: { locked: null } };
      await audit.append({ actor: by, action: 'agent-unlocked', subject: name, detail });
      await nonces.unlock(id);
    },
  };
}

/** TLS looks at a certificate once. An agent that does not renew in time loses its link, too: it comes back as one that was away, if it still may. */
async function endLinkOfEnded({ agents, audit, dataPlane, now }: TwinParts, agentId: string): Promise<void> {
  const row = await agents.find(agentId);
  if (row === undefined || row.certificate_expires_at.getTime() > now()) return;
  const { name, certificate_expires_at: endedAt } = row;
  const detail = { agentId, reason: 'its certificate has ended', endedAt: endedAt.toISOString() };
  await audit.append({ actor: name, action: 'agent-refused', subject: name, detail });
  dataPlane.disconnectAgent(name, 'its certificate has ended', 'for-now');
  throw new WeirError('not_permitted', `The certificate of the agent ${name} has ended.`);
}

async function lockFor(parts: TwinParts, agentId: string, reason: string, detail: Readonly<Record<string, unknown>>) {
  const row = await parts.agents.find(agentId);
  if (row === undefined || row.revoked_at !== null) return;
  await lock(parts, row, reason, 'gateway', detail);
}

/** The row first: from then on nobody with this identity gets in. */
async function lock(
  { nonces, dataPlane, audit, now, onLocked }: TwinParts,
  { id, name, pool }: Pick<AgentRow, 'id' | 'name' | 'pool'>,
  reason: string,
  by: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  if (!(await nonces.lock(id, { at: new Date(now()), reason, by }))) return false;
  try {
    await audit.append({
      actor: by,
      action: 'agent-locked',
      subject: name,
      detail: { agentId: id, reason, before: { locked: null }, after: { locked: reason }, ...detail },
    });
  } finally {
    dataPlane.disconnectAgent(name, `locked: ${reason}`, 'for-now');
    await onLocked({ name, pool }, reason);
  }
  return true;
}

function hashOf(nonce: Uint8Array): Buffer {
  return createHash('sha256').update(nonce).digest();
}
