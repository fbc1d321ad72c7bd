import { WeirError } from '@weir/errors';
import type { AgentTwins } from '../agents/agent-twins.ts';
import type { Agents } from '../agents/agents.ts';
import type { AuthorityRotation } from '../agents/authority-rotation.ts';
import { createTurnedAway } from '../agents/turned-away.ts';
import { type AskParts, askApproval } from '../approvals/ask-approval.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Budgets } from '../budgets/budgets.ts';
import type { Credentials } from '../credentials/credentials.ts';
import type { ControlPlane, LiveSession } from '../dataplane/ports.ts';
import type { Identity } from '../identity/identity.ts';
import type { Log } from '../log/create-log.ts';
import type { SessionEntry } from '../sessions/live-session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { SignTargetCertificates } from '../ssh/target-certificates.ts';
import type { SessionRepository } from '../store/sessions.ts';
import type { JointSessions } from '../watching/joint-sessions.ts';

/** What the control plane stands on. */
export interface ControlPlaneParts {
  readonly identity: Pick<Identity, 'authenticate'>;
  readonly sessions: Pick<Sessions, 'live' | 'end'>;
  readonly rows: Pick<SessionRepository, 'find'>;
  readonly agents: Agents;
  readonly twins: AgentTwins;
  readonly authorityRotation: Pick<AuthorityRotation, 'trustOf'>;
  readonly asks: AskParts;
  readonly joint: Pick<JointSessions, 'require'>;
  readonly budgets: Pick<Budgets, 'open'>;
  readonly credentials: Pick<Credentials, 'sealFor'>;
  readonly signTargetCertificates: SignTargetCertificates;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/** Makes the control plane as the data plane sees it. */
export function createControlPlane(parts: ControlPlaneParts): ControlPlane {
  const { sessions, agents, asks, audit, now } = parts;
  const unexpired = (entry: SessionEntry | undefined): LiveSession | null =>
    entry !== undefined && entry.live.expiresAtMs > now() ? entry.live : null;
  const change = (sessionId: string, apply: (entry: SessionEntry) => void): void => {
    const entry = sessions.live.byId(sessionId);
    if (entry === undefined) return;
    apply(entry);
    entry.isCountStored = false;
  };
  return {
    findByLogin: (user) => unexpired(sessions.live.byLogin(user)),
    current: (sessionId) => unexpired(sessions.live.byId(sessionId)),
    findByToken: async (presented, sessionId) => {
      const caller = await parts.identity.authenticate(presented);
      const entry = sessions.live.byId(sessionId);
      const live = unexpired(entry);
      if (live !== null && live.principal.id === caller.id && live.principal.actingFor?.id === caller.actingFor?.id)
        return live;
      const row = await parts.rows.find(sessionId);
      if (row === undefined || row.user_id !== caller.id) {
        throw new WeirError('not_found', `There is no session ${sessionId}.`, { fix: 'Run: weir sessions ls' });
      }
      throw new WeirError('session_ended', `The session ${sessionId} has ended.`, {
        why: row.end_reason ?? 'Its time is over.',
        fix: `Open a new one: weir connect ${row.connection}`,
      });
    },
    channelOpened: (sessionId, channel, clientAddress) => {
      change(sessionId, (entry) => {
        entry.channels.add(channel);
        entry.counts.channels += 1;
        entry.counts.clientAddress = clientAddress;
      });
      const actor = sessions.live.byId(sessionId)?.live.principal.name ?? 'unknown';
      audit.later({ actor, action: 'channel-opened', subject: sessionId, detail: { channel, address: clientAddress } });
    },
    channelClosed: (sessionId, channel, reason) => {
      change(sessionId, (entry) => entry.channels.delete(channel));
      const actor = sessions.live.byId(sessionId)?.live.principal.name ?? 'gateway';
      audit.later({ actor, action: 'channel-closed', subject: sessionId, detail: { channel, reason } });
    },
    clientLeft: (sessionId, reason) => {
      const by = sessions.live.byId(sessionId)?.live.principal.name ?? 'gateway';
      sessions
        .end(sessionId, reason, by)
        .catch((error: unknown) => parts.log.error('a session could not be ended', error, { session: sessionId }));
    },
    refused: ({ what, user, clientAddress, code, message, sessionId }) => {
      audit.later({
        actor: user ?? 'unknown',
        action: `${what}-refused`,
        subject: sessionId ?? user ?? clientAddress,
        detail: { address: clientAddress, code, message },
      });
    },
    counted: (sessionId, { statements, denied }) => {
      change(sessionId, ({ counts }) => {
        counts.statements += statements;
        counts.denied += denied;
      });
    },
    askApproval: (session, ask, tell) =>
      ask.watch === true ? parts.joint.require(session, ask, tell) : askApproval(asks, session, ask, tell),
    sealTarget: async (connection, target, agent, use) => {
      const sealed = await parts.credentials.sealFor(connection, target, agent, use);
      if (sealed.protocol !== 'ssh' || sealed.auth !== 'certificate') return sealed;
      const users = [...sealed.jumps, sealed].map(({ user }) => user);
      const principal = sessions.live.byId(use)?.live.principal.name ?? 'gateway';
      const names = { agent: agent.name, connection: connection.name, session: use, principal };
      const request = { ...names, agentKey: agent.sshKey, users };
      return { ...sealed, certificates: parts.signTargetCertificates(request) };
    },
    openBudgets: (sessionId) => parts.budgets.open(sessionId),
    identifyAgent: async (agentId, nonce, holder, pool = '') => {
      await agents.checkPool(agentId, pool, holder);
      await parts.twins.identify(agentId, nonce, holder);
    },
    nextAgentNonce: (agentId) => parts.twins.nextNonce(agentId),
    agentNonceStored: (agentId, nonce) => parts.twins.nonceStored(agentId, nonce),
    agentTwins: (agentId, first, second) => parts.twins.twins(agentId, first, second),
    agentTrust: (agentId) => parts.authorityRotation.trustOf(agentId),
    agentTurnedAway: createTurnedAway({ audit, now }),
    authoriseAgent: (agentId, serial, claims) => agents.authorise(agentId, serial, claims),
    enrol: (request, remoteAddress) => agents.enrol(request, remoteAddress),
    recoverAgent: (request, remoteAddress) => agents.recover(request, remoteAddress),
    renewAgent: (agentId, serial, der, claims) => agents.renew(agentId, serial, der, claims),
  };
}
