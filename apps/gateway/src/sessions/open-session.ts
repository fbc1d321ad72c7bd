import { randomBytes } from 'node:crypto';
import type { OpenSessionRequest, OpenSessionResponse } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Plan } from '@weir/policy';
import type { Access } from '../access/access.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Connections } from '../connections/connections.ts';
import { addressText, type DataPlaneLink } from '../control/data-plane-link.ts';
import type { Journal, LiveSession } from '../dataplane/ports.ts';
import { type Caller, principalOf } from '../identity/caller.ts';
import { shortId } from '../identity/short-id.ts';
import type { Log } from '../log/create-log.ts';
import type { SessionRepository } from '../store/sessions.ts';
import { type LiveSessions, liveSessionOf, type SessionEntry } from './live-session.ts';
import { createScramVerifier } from './scram-verifier.ts';

/** What opening stands on. */
export interface OpenParts {
  readonly live: LiveSessions;
  readonly sessions: SessionRepository;
  readonly connections: Pick<Connections, 'find'>;
  readonly access: Access;
  readonly dataPlane: DataPlaneLink;
  readonly journal: Pick<Journal, 'note' | 'whenDurable' | 'sessionEnded'>;
  readonly log: Log;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly ttlSeconds: number;
  /** PEM of the gateway's CA, for clients of the front door. */
  readonly ca: string;
  /** Starts the clock of a session that is in the map now. */
  readonly onOpened: (entry: SessionEntry) => void;
}

/** Authorises and opens a session. @throws WeirError not_found, not_permitted, agent_unavailable, recording_unavailable, invalid_request. */
export async function openSession(
  parts: OpenParts,
  caller: Caller,
  request: OpenSessionRequest,
  clientAddress: string,
): Promise<OpenSessionResponse> {
  const { access, audit, now } = parts;
  const connection = await parts.connections.find(request.connection);
  const principal = principalOf(caller);
  const { plan, allowed, reason } = access.compile(principal, connection);
  if (!allowed) {
    const detail = { connection: connection.name, reason };
    await audit.append({ actor: caller.name, action: 'session-refused', subject: connection.name, detail });
    throw new WeirError('not_permitted', `You may not use the connection ${connection.name}.`, { why: reason });
  }
  requireAgent(parts.dataPlane, connection.agent, plan);
  const password = passwordOf(request);
  const live = liveSessionOf({
    id: `ses_${shortId(16)}`,
    principal,
    connection,
    plan,
    verifier: await createScramVerifier(password),
    via: request.via ?? 'connect',
    expiresAtMs: now() + parts.ttlSeconds * 1000,
  });
  await store(parts, live, clientAddress);
  const login = freeLogin(parts.live, caller.name);
  const entry: SessionEntry = {
    live,
    login,
    channels: new Set(),
    counts: { channels: 0, statements: 0, denied: 0, clientAddress },
    isCountStored: true,
    expiry: undefined,
    refreshing: Promise.resolve(),
  };
  parts.live.add(entry);
  parts.onOpened(entry);
  const { database } = connection.target;
  return {
    id: live.id,
    connection: connection.name,
    user: login,
    password,
    database,
    expiresAt: new Date(live.expiresAtMs).toISOString(),
    native: nativeOf(parts.dataPlane, { login, password, database }),
    front: { address: addressText(parts.dataPlane.reachable('front')), ca: parts.ca },
  };
}

/** Evidence first, then the log, then the row: what is in the store has a recording. */
async function store(parts: OpenParts, live: LiveSession, clientAddress: string): Promise<void> {
  const { id, via, expiresAtMs } = live;
  const [principal, connection] = [live.principal.name, live.connection.name];
  try {
    await record(parts, { id, principal, connection, agent: live.agentName, clientAddress, via });
    const detail = { connection, via, address: clientAddress };
    await parts.audit.append({ actor: principal, action: 'session-opened', subject: id, detail });
    await parts.sessions.insert({
      ...{ id, connection, principal, via, clientAddress },
      userId: live.principal.id,
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
  const info = dataPlane.agentInfo(agent);
  if (!dataPlane.agentOnline(agent) || info === null) {
    throw new WeirError('agent_unavailable', `The agent ${agent}, which reaches this target, is not connected.`);
  }
  const missing = plan.requires.filter((capability) => !info.capabilities.includes(capability));
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

/** A healthy journal needs milliseconds. */
const durableTimeoutMs = 10_000;

/** The opening is evidence: nobody gets a session before it is durable. */
async function record(
  parts: OpenParts,
  session: {
    id: string;
    principal: string;
    connection: string;
    agent: string;
    clientAddress: string;
    via: 'native' | 'connect';
  },
): Promise<void> {
  const { id, ...facts } = session;
  try {
    const position = parts.journal.note(id, { event: 'session-opened', atMs: parts.now(), ...facts });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the journal does not answer')), durableTimeoutMs);
      parts.journal.whenDurable(position, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  } catch (cause) {
    throw new WeirError('recording_unavailable', 'The session cannot be recorded, so it is not opened.', { cause });
  }
}

function freeLogin(live: LiveSessions, name: string): string {
  for (;;) {
    const login = `${name}~${shortId(6)}`;
    if (live.byLogin(login) === undefined) return login;
  }
}

function nativeOf(
  dataPlane: DataPlaneLink,
  { login, password, database }: { login: string; password: string; database: string },
): OpenSessionResponse['native'] {
  const address = dataPlane.reachable('postgres');
  const userinfo = `${encodeURIComponent(login)}:${encodeURIComponent(password)}`;
  const dsn = `postgresql://${userinfo}@${addressText(address)}/${encodeURIComponent(database)}?sslmode=require`;
  return { ...address, dsn };
}
