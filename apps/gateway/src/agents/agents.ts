import { createHash, randomBytes } from 'node:crypto';
import type { AgentView, JoinToken, JoinTokenResponse } from '@weir/api';
import { WeirError } from '@weir/errors';
import { joinTokenText, tryJoinToken } from '@weir/proto';
import type { AuditLog } from '../audit/audit-log.ts';
import { addressText, type DataPlaneLink } from '../control/data-plane-link.ts';
import type {
  AgentHolder,
  EnrolmentRequest,
  EnrolmentResult,
  RecoveryRequest,
  RenewedIdentity,
} from '../dataplane/ports.ts';
import { shortId } from '../identity/short-id.ts';
import type { AgentRepository, AgentRow } from '../store/agents.ts';
import { lockedReason } from './agent-twins.ts';
import type { Authorities } from './authorities.ts';
import { readRequest } from './certificate-authority.ts';
import { joinTokenView, revokeJoinToken } from './join-tokens.ts';
import { issueNext, refused } from './next-certificate.ts';
import { recover } from './recover.ts';

/** How long the certificate before the last renewal is still accepted after its first use: one reconnect with all its streams. */
const previousGraceMs = 60_000;

/** Agents: enrolment by join token, short certificates, renewal, revocation. */
export interface Agents {
  createJoinToken(agent: string, ttlSeconds: number, by: string): Promise<JoinTokenResponse>;
  listJoinTokens(): Promise<JoinToken[]>;
  /** @throws WeirError not_found (unknown, used or expired). */
  revokeJoinToken(id: string, by: string): Promise<void>;
  /** @throws WeirError not_permitted (unknown, used or expired token), invalid_request (bad certificate request: the token stays good). */
  enrol(request: EnrolmentRequest, remoteAddress: string): Promise<EnrolmentResult>;
  /** @throws WeirError not_permitted, conflict (another renewal was first). */
  renew(agentId: string, serial: string, certificateRequestDer: Buffer): Promise<RenewedIdentity>;
  /** @throws WeirError not_permitted, invalid_request, conflict. */
  recover(request: RecoveryRequest, remoteAddress: string): Promise<RenewedIdentity>;
  /** @throws WeirError not_permitted. */
  authorise(agentId: string, serial: string): Promise<{ readonly name: string }>;
  list(): Promise<AgentView[]>;
  /** Is there an agent of this name whose certificate is still good, or that can recover? */
  isEnrolled(name: string): Promise<boolean>;
  revoke(name: string, by: string): Promise<void>;
}

/** What agents stand on. */
export interface AgentParts {
  readonly agents: AgentRepository;
  readonly ca: Authorities;
  readonly dataPlane: DataPlaneLink;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly settings: { readonly certificateTtlSeconds: number; readonly recoverWithinDays: number };
  /** Somebody showed what only a copy of the agent can still have. */
  readonly onCopy: (agentId: string, reason: string, detail: Readonly<Record<string, unknown>>) => Promise<void>;
  /** An agent shows its last nonce. @throws WeirError not_permitted, after it has locked an agent whose nonce is stale. */
  readonly identify: (agentId: string, nonce: Uint8Array, holder: AgentHolder) => Promise<void>;
}

/** Makes the use-cases. */
export function createAgents(parts: AgentParts): Agents {
  const { agents, ca, dataPlane, audit, settings, now } = parts;
  return {
    createJoinToken: async (agent, ttlSeconds, by) => {
      const secret = randomBytes(32).toString('base64url');
      const expiresAt = new Date(now() + ttlSeconds * 1000);
      await audit.append({ actor: by, action: 'join-token-created', subject: agent, detail: { ttlSeconds } });
      await agents.insertJoinToken({ hash: hashSecret(secret), agent, createdBy: by, expiresAt });
      const token = joinTokenText({ address: addressText(dataPlane.reachable('front')), caPins: ca.pins, secret });
      return { token, expiresAt: expiresAt.toISOString() };
    },
    listJoinTokens: async () => (await agents.listJoinTokens(new Date(now()))).map(joinTokenView),
    revokeJoinToken: (id, by) => revokeJoinToken(parts, id, by),
    enrol: (request, remoteAddress) => enrol(parts, request, remoteAddress),
    renew: (agentId, serial, der) => renew(parts, agentId, serial, der),
    recover: (request, remoteAddress) => recover(parts, request, remoteAddress),
    authorise: (agentId, serial) => authorise(parts, agentId, serial),
    list: async () => (await agents.list()).map((row) => viewOf(row, dataPlane)),
    isEnrolled: async (name) => {
      const row = await agents.findByName(name);
      const endsMs = row === undefined ? 0 : row.certificate_expires_at.getTime();
      return endsMs + settings.recoverWithinDays * 86_400_000 > now();
    },
    revoke: async (name, by) => {
      if ((await agents.findByName(name)) === undefined) {
        throw new WeirError('not_found', `There is no agent ${name}.`, { fix: 'Run: weir status' });
      }
      await audit.append({ actor: by, action: 'agent-revoked', subject: name });
      await agents.revoke(name, new Date(now()));
      dataPlane.disconnectAgent(name, 'the agent was revoked', 'for-good');
    },
  };
}

async function enrol(parts: AgentParts, request: EnrolmentRequest, remoteAddress: string): Promise<EnrolmentResult> {
  const { agents, ca, dataPlane, audit, settings, now } = parts;
  await readRequest(request.certificateRequest);
  const secret = tryJoinToken(request.joinToken)?.secret ?? request.joinToken;
  const agentName = await agents.consumeJoinToken(hashSecret(secret), new Date(now()));
  const detail = { address: remoteAddress, agentVersion: request.agentVersion };
  if (agentName === undefined) {
    await audit.append({ actor: 'unknown', action: 'enrolment-refused', subject: 'agent', detail });
    throw new WeirError('not_permitted', 'The join token is not valid.', {
      why: 'It is unknown, was used already, or has expired.',
      fix: 'Make a new one: weir agent enrol NAME',
    });
  }
  const agentId = `agt_${shortId(16)}`;
  const issued = await ca.signAgent(agentId, request.certificateRequest, now(), settings.certificateTtlSeconds);
  await audit.append({
    actor: agentName,
    action: 'agent-enrolled',
    subject: agentName,
    detail: { ...detail, agentId, serial: issued.serial },
  });
  const replaced = await agents.insert(
    {
      id: agentId,
      name: agentName,
      serial: issued.serial,
      issuer: issued.issuer,
      certificateExpiresAt: issued.expiresAt,
      version: request.agentVersion.slice(0, 100),
    },
    new Date(now()),
  );
  if (replaced.length > 0)
    dataPlane.disconnectAgent(agentName, 'another agent was enrolled under this name', 'for-good');
  return {
    agentId,
    agentName,
    certificate: issued.certificate,
    ca: ca.bundle,
    tunnelAddress: addressText(dataPlane.reachable('tunnel')),
  };
}

async function renew(parts: AgentParts, agentId: string, serial: string, der: Buffer): Promise<RenewedIdentity> {
  await authorise(parts, agentId, serial);
  const row = await parts.agents.find(agentId);
  if (row === undefined || row.revoked_at !== null) throw refused('It is unknown or was revoked.');
  const shown = { serial: serial.toUpperCase(), certificateRequest: der };
  return issueNext(parts, row, shown, { action: 'agent-renewed' });
}

async function authorise(parts: AgentParts, agentId: string, serial: string): Promise<{ readonly name: string }> {
  const { agents, audit, now } = parts;
  const row = await agents.find(agentId);
  if (row === undefined) throw refused('It is unknown.');
  if (row.revoked_at !== null) throw refused('It was revoked.');
  if (row.locked_at !== null) {
    throw new WeirError('not_permitted', 'The gateway does not accept this agent.', {
      why: `${lockedReason(row)}.`,
      fix: `Find out why, then: weir agent unlock ${row.name}`,
    });
  }
  const at = new Date(now());
  if (serial.toUpperCase() === row.serial) {
    await agents.seen(agentId, { previousSerial: null, previousUsedAt: null, at });
    return { name: row.name };
  }
  // A crash between the renewal and the storing of the new certificate leaves the agent with the one before: accepted for one reconnect.
  const firstUse = row.previous_used_at ?? at;
  if (serial.toUpperCase() === row.previous_serial && at.getTime() - firstUse.getTime() <= previousGraceMs) {
    await agents.seen(agentId, { previousSerial: row.previous_serial, previousUsedAt: firstUse, at });
    return { name: row.name };
  }
  await audit.append({
    actor: row.name,
    action: 'agent-refused',
    subject: row.name,
    detail: { agentId, serial, reason: 'old certificate' },
  });
  // Whoever has shown the new certificate has stored it before: only a copy still has the old one.
  if (row.previous_serial === null) {
    await parts.onCopy(agentId, 'it showed a certificate from before its last renewal: a copy of this agent runs', {
      serial,
    });
  }
  throw refused('Its certificate was replaced by a renewal; a copy of the agent may be running.');
}

function viewOf(row: AgentRow, dataPlane: DataPlaneLink): AgentView {
  const info = dataPlane.agentInfo(row.name);
  const lastSeenAt = info === null ? row.last_seen_at : new Date(info.lastSeenAtMs);
  return {
    id: row.id,
    name: row.name,
    online: dataPlane.agentOnline(row.name),
    version: info?.version ?? row.version,
    capabilities: [...(info?.capabilities ?? [])],
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    channels: info?.channels ?? 0,
    locked: row.locked_at === null ? null : { at: row.locked_at.toISOString(), reason: row.lock_reason ?? '' },
  };
}

function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
