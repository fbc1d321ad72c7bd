import { randomBytes } from 'node:crypto';
import type { ConnectionSpec, OpenSessionRequest, OpenSessionResponse } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import { isNameAmong, type Plan } from '@weir/policy';
import type { Access } from '../access/access.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Connections } from '../connections/connections.ts';
import { addressText, type DataPlaneLink } from '../control/data-plane-link.ts';
import type { Journal, LiveSession } from '../dataplane/ports.ts';
import { type Caller, principalOf } from '../identity/caller.ts';
import { shortId } from '../identity/short-id.ts';
import type { Log } from '../log/create-log.ts';
import type { SessionRepository } from '../store/sessions.ts';
import type { DurableNotes } from './durable-notes.ts';
import { type LiveSessions, liveSessionOf, type SessionEntry } from './live-session.ts';
import { createScramVerifier } from './scram-verifier.ts';

/** What opening stands on. */
export interface OpenParts {
  readonly live: LiveSessions;
  readonly sessions: SessionRepository;
  readonly connections: Pick<Connections, 'find'>;
  readonly access: Access;
  readonly dataPlane: DataPlaneLink;
  readonly notes: DurableNotes;
  readonly journal: Pick<Journal, 'sessionEnded'>;
  readonly log: Log;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly ttlSeconds: number;
  /** PEM of the gateway's CA, for clients of the front door. */
  readonly ca: () => string;
  /** What the gateway's SSH listener shows: `ssh-ed25519 AAAA…` each. */
  readonly hostKeys: () => string[];
  /** Starts the clock of a session that is in the map now. */
  readonly onOpened: (entry: SessionEntry) => void;
}

/** Authorises and opens a session; a refusal is audited. @throws WeirError not_found, not_permitted, agent_unavailable, recording_unavailable, invalid_request. */
export async function openSession(
  parts: OpenParts,
  caller: Caller,
  request: OpenSessionRequest,
  clientAddress: string,
): Promise<OpenSessionResponse> {
  try {
    return await open(parts, caller, request, clientAddress);
  } catch (error) {
    if (isWeirError(error)) {
      const detail = {
        ...{ code: error.code, message: error.message, why: error.why, address: clientAddress },
        ...(caller.actingFor && { actingFor: caller.actingFor.name }),
      };
      await parts.audit.append({ actor: caller.name, action: 'session-refused', subject: request.connection, detail });
    }
    throw error;
  }
}

async function open(
  parts: OpenParts,
  caller: Caller,
  request: OpenSessionRequest,
  clientAddress: string,
): Promise<OpenSessionResponse> {
  const { access, now } = parts;
  const connection = await parts.connections.find(request.connection);
  requireScope(caller, connection.name);
  const principal = principalOf(caller);
  const session = { clientAddress: clientAddress === '' ? null : clientAddress, mfaAtMs: caller.mfaAtMs };
  const { plan, allowed, reason, fix, grants, endsAtMs } = access.compile(principal, connection, { session });
  if (!allowed) {
    throw new WeirError('not_permitted', `You may not use the connection ${connection.name}.`, {
      why: reason,
      ...(fix === null ? {} : { fix }),
    });
  }
  const ends = endsOf(
    caller,
    { nowMs: now(), ttlSeconds: parts.ttlSeconds, grants, grantEndMs: endsAtMs },
    connection.name,
  );
  requireAgent(parts.dataPlane, connection.agent, plan);
  const password = passwordOf(request);
  const live = liveSessionOf({
    id: `ses_${shortId(16)}`,
    principal,
    connection,
    plan,
    verifier: await createScramVerifier(password),
    via: request.via ?? 'connect',
    expiresAtMs: ends.atMs,
  });
  await store(parts, live, clientAddress);
  const login = freeLogin(parts.live, caller.name);
  const entry: SessionEntry = {
    live,
    login,
    signIn: caller.tokenId,
    channels: new Set(),
    counts: { channels: 0, statements: 0, denied: 0, clientAddress },
    isCountStored: true,
    opening: { session, grants: new Set(grants.map(({ id }) => id)), machine: caller.machine },
    expiryReason: ends.reason,
    expiry: undefined,
    refreshing: Promise.resolve(),
  };
  parts.live.add(entry);
  parts.onOpened(entry);
  return {
    id: live.id,
    connection: connection.name,
    user: login,
    password,
    ...waysIn(parts, connection.target, { login, password }),
    expiresAt: new Date(live.expiresAtMs).toISOString(),
    front: { address: addressText(parts.dataPlane.reachable('front')), ca: parts.ca() },
  };
}

/** A key of a service account may be for some connections alone. @throws WeirError not_permitted. */
function requireScope({ machine, name }: Caller, connection: string): void {
  const scope = machine?.connections ?? null;
  if (scope === null || isNameAmong(scope, connection)) return;
  throw new WeirError('not_permitted', `This key is not for the connection ${connection}.`, {
    why: `The key ${machine?.keyId ?? ''} of ${name} is for ${scope.join(', ')}.`,
    fix: `Make a key for it: weir service-accounts keys add ${name} --connection ${connection}`,
  });
}

/** When the session ends at the latest, and what its clients are told then: the first of its own time, its grants, and what a machine signed in by. */
function endsOf(
  { machine }: Caller,
  about: { nowMs: number; ttlSeconds: number; grants: readonly { id: string }[]; grantEndMs: number | null },
  connection: string,
): { atMs: number; reason: string } {
  const { nowMs, ttlSeconds, grants, grantEndMs } = about;
  const own = { atMs: nowMs + ttlSeconds * 1000, reason: 'the session has expired' };
  const ofGrants = {
    atMs: grantEndMs ?? Number.POSITIVE_INFINITY,
    reason: `its grant ${grants.map(({ id }) => id).join(', ')} has ended; ask again: weir requests new ${connection}`,
  };
  const ofMachine = {
    atMs: machine?.endsAt.getTime() ?? Number.POSITIVE_INFINITY,
    reason:
      machine?.keyId === null ? 'the sign-in of the job has ended' : `the key ${machine?.keyId ?? ''} has expired`,
  };
  return [ofGrants, ofMachine, own].reduce((first, next) => (next.atMs < first.atMs ? next : first));
}

/** Evidence first, then the log, then the row: what is in the store has a recording. */
async function store(parts: OpenParts, live: LiveSession, clientAddress: string): Promise<void> {
  const { id, via, expiresAtMs } = live;
  const [principal, connection] = [live.principal.name, live.connection.name];
  try {
    const actingFor = live.principal.actingFor?.name;
    const behind = actingFor === undefined ? {} : { actingFor };
    const facts = { principal, ...behind, connection, agent: live.agentName, clientAddress, via };
    await parts.notes.write(id, { event: 'session-opened', atMs: parts.now(), ...facts });
    const after = { state: 'active', connection, via, expiresAt: new Date(expiresAtMs).toISOString() };
    const detail = { connection, via, address: clientAddress, ...behind, before: null, after };
    await parts.audit.append({ actor: principal, action: 'session-opened', subject: id, detail });
    await parts.sessions.insert({
      ...{ id, connection, principal, via, clientAddress },
      userId: live.principal.id,
      actingFor: live.principal.actingFor ?? null,
      openedAt: new Date(parts.now()),
      expiresAt: new Date(expiresAtMs),
    });
  } catch (error) {
    // Nobody got this session: its recording ends here.
    await parts.journal.sessionEnded(id).catch((cause: unknown) => {
      parts.log.error('the recording of a session that was not opened could not be ended', cause, { session: id });
    });
    throw error;
  }
}

function requireAgent(dataPlane: DataPlaneLink, agent: string, plan: Plan): void {
  const capabilities = dataPlane.poolCapabilities(agent);
  if (capabilities === null) {
    throw new WeirError('agent_unavailable', `The agent ${agent}, which reaches this target, is not connected.`);
  }
  const missing = plan.requires.filter((capability) => !capabilities.includes(capability));
  if (missing.length === 0) return;
  throw new WeirError('agent_unavailable', `The agent ${agent} is too old for what policy asks of it.`, {
    why: `It cannot do: ${missing.join(', ')}.`,
    fix: 'Update the agent.',
  });
}

function passwordOf(request: OpenSessionRequest): string {
  if (request.password === undefined) return randomBytes(24).toString('base64url');
  if (/^[\x21-\x7e]+$/.test(request.password)) return request.password;
  throw new WeirError('invalid_request', 'The session password must be printable ASCII without spaces.');
}

function freeLogin(live: LiveSessions, name: string): string {
  for (;;) {
    const login = `${name}~${shortId(6)}`;
    if (live.byLogin(login) === undefined) return login;
  }
}

/** How the native clients of a protocol get in. */
function waysIn(
  { dataPlane, hostKeys }: OpenParts,
  target: ConnectionSpec['target'],
  { login, password }: { login: string; password: string },
): Pick<OpenSessionResponse, 'protocol' | 'database' | 'ssh' | 'native'> {
  const { protocol } = target;
  const address = dataPlane.reachable(protocol);
  if (target.protocol === 'ssh') {
    const dsn = `ssh://${encodeURIComponent(login)}@${addressText(address)}`;
    return { protocol, ssh: { login: target.user, hostKeys: hostKeys() }, native: { ...address, dsn } };
  }
  const { database } = target;
  const userinfo = `${encodeURIComponent(login)}:${encodeURIComponent(password)}`;
  const dsn = `postgresql://${userinfo}@${addressText(address)}/${encodeURIComponent(database)}?sslmode=require`;
  return { protocol, database, native: { ...address, dsn } };
}
