import type { AgentView, JoinToken, JoinTokenResponse } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AgentClaims } from '@weir/tunnel';
import type { AuditLog } from '../audit/audit-log.ts';
import type { DataPlaneLink } from '../control/data-plane-link.ts';
import type {
  AgentHolder,
  EnrolmentRequest,
  EnrolmentResult,
  RecoveryRequest,
  RenewedIdentity,
} from '../dataplane/ports.ts';
import type { AgentRepository, AgentRow } from '../store/agents.ts';
import { lockedReason } from './agent-twins.ts';
import type { Authorities } from './authorities.ts';
import { enrol } from './enrol.ts';
import { createJoinToken, type JoinTokenSpec, joinTokenView, revokeJoinToken } from './join-tokens.ts';
import { copyReason, isOfCopy, issueNext, refused } from './next-certificate.ts';
import type { PlatformParts } from './platform/admit-by-platform.ts';
import { recover } from './recover.ts';

/** How long the certificate before the last renewal is still accepted after its first use: one reconnect with all its streams. */
const previousGraceMs = 60_000;

/** Agents: enrolment by join token, short certificates, renewal, revocation. */
export interface Agents {
  createJoinToken(token: JoinTokenSpec, by: string): Promise<JoinTokenResponse>;
  listJoinTokens(): Promise<JoinToken[]>;
  /** @throws WeirError not_found (unknown, used or expired). */
  revokeJoinToken(id: string, by: string): Promise<void>;
  /** @throws WeirError not_permitted (unknown, used or expired token), invalid_request (bad certificate request: the token stays good). */
  enrol(request: EnrolmentRequest, remoteAddress: string): Promise<EnrolmentResult>;
  /** @throws WeirError not_permitted, conflict (another renewal was first). */
  renew(
    agentId: string,
    serial: string,
    certificateRequestDer: Buffer,
    claims?: Partial<AgentClaims>,
  ): Promise<RenewedIdentity>;
  /** @throws WeirError not_permitted, invalid_request, conflict. */
  recover(request: RecoveryRequest, remoteAddress: string): Promise<RenewedIdentity>;
  /** `claims`: what its certificate says beside. @throws WeirError not_permitted. */
  authorise(agentId: string, serial: string, claims?: Partial<AgentClaims>): Promise<AuthorisedAgent>;
  /** An authorised agent says which pool it serves. @throws WeirError not_permitted when that is not its own. */
  checkPool(agentId: string, pool: string, holder: AgentHolder): Promise<void>;
  list(): Promise<AgentView[]>;
  /** Is there an agent of this name whose certificate is still good, or that can recover? */
  isEnrolled(name: string): Promise<boolean>;
  revoke(name: string, by: string): Promise<void>;
}

/** An agent that may connect. */
export interface AuthorisedAgent {
  readonly name: string;
  /** Whose connections it may serve. */
  readonly pool: string;
}

/** What agents stand on. */
export interface AgentParts {
  readonly agents: AgentRepository;
  readonly ca: Authorities;
  readonly dataPlane: DataPlaneLink;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly settings: { readonly certificateTtlSeconds: number; readonly recoverWithinDays: number };
  /** Who may enrol by a token of a platform. */
  readonly platform: PlatformParts;
  /** Somebody showed what only a copy of the agent can still have. */
  readonly onCopy: (agentId: string, reason: string, detail: Readonly<Record<string, unknown>>) => Promise<void>;
  /** An agent shows its last nonce. @throws WeirError not_permitted, after it has locked an agent whose nonce is stale. */
  readonly identify: (agentId: string, nonce: Uint8Array, holder: AgentHolder) => Promise<void>;
}

/** Makes the use-cases. */
export function createAgents(parts: AgentParts): Agents {
  const { agents, dataPlane, audit, settings, now } = parts;
  return {
    createJoinToken: (token, by) => createJoinToken(parts, token, by),
    listJoinTokens: async () => (await agents.listJoinTokens(new Date(now()))).map(joinTokenView),
    revokeJoinToken: (id, by) => revokeJoinToken(parts, id, by),
    enrol: (request, remoteAddress) => enrol(parts, request, remoteAddress),
    renew: (agentId, serial, der, claims) => renew(parts, { agentId, serial, claims }, der),
    recover: (request, remoteAddress) => recover(parts, request, remoteAddress),
    authorise: (agentId, serial, claims) => authorise(parts, { agentId, serial, claims }),
    checkPool: (agentId, pool, holder) => checkPool(parts, agentId, pool, holder),
    list: async () => (await agents.list()).map((row) => viewOf(row, dataPlane)),
    isEnrolled: async (name) => {
      const row = await agents.findByName(name);
      if (row === undefined || !parts.ca.isTrusted(row.issuer)) return false;
      const endsMs = row.certificate_expires_at.getTime();
      return endsMs + settings.recoverWithinDays * 86_400_000 > now();
    },
    revoke: async (name, by) => {
      const row = await agents.findByName(name);
      if (row === undefined) {
        throw new WeirError('not_found', `There is no agent ${name}.`, { fix: 'Run: weir status' });
      }
      const { id, serial, enrolled_at: enrolledAt } = row;
      const detail = { before: { id, serial, enrolledAt: enrolledAt.toISOString() }, after: null };
      await audit.append({ actor: by, action: 'agent-revoked', subject: name, detail });
      await agents.revoke(name, new Date(now()));
      dataPlane.disconnectAgent(name, 'the agent was revoked', 'for-good');
    },
  };
}

/** A certificate that was shown and verified. */
interface Shown {
  readonly agentId: string;
  readonly serial: string;
  readonly claims: Partial<AgentClaims> | undefined;
}

async function renew(parts: AgentParts, shown: Shown, der: Buffer): Promise<RenewedIdentity> {
  await authorise(parts, shown);
  const row = await parts.agents.find(shown.agentId);
  if (row === undefined || row.revoked_at !== null) throw refused('It is unknown or was revoked.');
  const certificate = { serial: shown.serial.toUpperCase(), certificateRequest: der };
  try {
    return await issueNext(parts, row, certificate, { action: 'agent-renewed' });
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    const detail = { agentId: row.id, serial: shown.serial, reason: error.why ?? error.message };
    await parts.audit.append({ actor: row.name, action: 'agent-refused', subject: row.name, detail });
    throw error;
  }
}

async function authorise(parts: AgentParts, { agentId, serial, claims }: Shown): Promise<AuthorisedAgent> {
  const { agents, audit, now } = parts;
  const row = await agents.find(agentId);
  const refuse = async (reason: string, why: string): Promise<WeirError> => {
    const [actor, subject] = [row?.name ?? 'unknown', row?.name ?? agentId];
    await audit.append({ actor, action: 'agent-refused', subject, detail: { agentId, serial, reason } });
    return refused(why);
  };
  if (row === undefined) throw await refuse('unknown agent', 'It is unknown.');
  if (row.revoked_at !== null) throw await refuse('revoked', 'It was revoked.');
  if (row.locked_at !== null) {
    throw new WeirError('not_permitted', 'The gateway does not accept this agent.', {
      why: `${lockedReason(row)}.`,
      fix: `Find out why, then: weir agent unlock ${row.name}`,
    });
  }
  if (claims?.pool !== undefined && claims.pool !== row.pool) {
    throw await refuse('another pool', `Its certificate is of the pool ${claims.pool}, and it belongs to another one.`);
  }
  const authorised = { name: row.name, pool: row.pool };
  const at = new Date(now());
  if (serial.toUpperCase() === row.serial) {
    await agents.seen(agentId, { previousSerial: null, previousUsedAt: null, at });
    return authorised;
  }
  // A crash between the renewal and the storing of the new certificate leaves the agent with the one before: accepted for one reconnect.
  const firstUse = row.previous_used_at ?? at;
  if (serial.toUpperCase() === row.previous_serial && at.getTime() - firstUse.getTime() <= previousGraceMs) {
    await agents.seen(agentId, { previousSerial: row.previous_serial, previousUsedAt: firstUse, at });
    return authorised;
  }
  const error = await refuse(
    'old certificate',
    'Its certificate was replaced by a renewal; a copy of the agent may be running.',
  );
  if (isOfCopy(row, serial, claims))
    await parts.onCopy(agentId, copyReason, { serial, renewal: claims?.renewal ?? null });
  throw error;
}

async function checkPool(parts: AgentParts, agentId: string, pool: string, holder: AgentHolder): Promise<void> {
  const row = await parts.agents.find(agentId);
  if (row === undefined || pool === '' || row.pool === pool) return;
  const detail = { agentId, ...holder, claimed: pool.slice(0, 100), pool: row.pool, reason: 'it claims another pool' };
  await parts.audit.append({ actor: row.name, action: 'agent-refused', subject: row.name, detail });
  throw refused(`It says that it serves the pool ${pool}, and its certificate is for another one.`);
}

function viewOf(row: AgentRow, dataPlane: DataPlaneLink): AgentView {
  const info = dataPlane.agentInfo(row.name);
  const lastSeenAt = info === null ? row.last_seen_at : new Date(info.lastSeenAtMs);
  return {
    id: row.id,
    name: row.name,
    pool: row.pool,
    online: info !== null,
    version: info?.version ?? row.version,
    capabilities: [...(info?.capabilities ?? [])],
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    channels: info?.channels ?? 0,
    locked: row.locked_at === null ? null : { at: row.locked_at.toISOString(), reason: row.lock_reason ?? '' },
  };
}
