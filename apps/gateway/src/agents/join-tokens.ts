import { createHash, randomBytes } from 'node:crypto';
import type { JoinToken, JoinTokenResponse } from '@weir/api';
import { WeirError } from '@weir/errors';
import { joinTokenText } from '@weir/proto';
import { addressText } from '../control/data-plane-link.ts';
import type { JoinTokenRow } from '../store/agents.ts';
import type { AgentParts } from './agents.ts';

/** For whom a join token is: one agent of this name, or as many of a pool as it has uses. */
export interface JoinTokenSpec {
  readonly agent?: string | undefined;
  /** Default: the agent's own name. */
  readonly pool?: string | undefined;
  readonly uses: number;
  readonly ttlSeconds: number;
}

/** Makes a token; only its hash is kept. */
export async function createJoinToken(
  { agents, ca, audit, dataPlane, now }: AgentParts,
  { agent, pool = agent, uses, ttlSeconds }: JoinTokenSpec,
  by: string,
): Promise<JoinTokenResponse> {
  if (pool === undefined) throw new WeirError('invalid_request', 'A join token needs the name of an agent or a pool.');
  const secret = randomBytes(32).toString('base64url');
  const hash = hashSecret(secret);
  const expiresAt = new Date(now() + ttlSeconds * 1000);
  await audit.append({
    ...{ actor: by, action: 'join-token-created', subject: agent ?? pool },
    detail: {
      ...{ id: idOf(hash), pool, uses, ttlSeconds },
      ...{ before: null, after: { agent: agent ?? null, uses, expiresAt: expiresAt.toISOString() } },
    },
  });
  await agents.insertJoinToken({ hash, agent: agent ?? null, pool, uses, createdBy: by, expiresAt });
  const token = joinTokenText({ address: addressText(dataPlane.reachable('front')), caPins: ca.pins, secret });
  return { token, expiresAt: expiresAt.toISOString() };
}

/** What people see of a token: its secret is known to nobody but its holder. */
export function joinTokenView(row: JoinTokenRow): JoinToken {
  return {
    id: idOfToken(row),
    agent: row.agent,
    pool: row.pool,
    uses: row.uses,
    usedCount: row.used_count,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    used: row.used_count >= row.uses,
  };
}

/** Makes a token worthless that is not used up. @throws WeirError not_found. */
export async function revokeJoinToken({ agents, audit, now }: AgentParts, id: string, by: string): Promise<void> {
  const tokens = await agents.listJoinTokens(new Date(now()));
  const row = tokens.find((token) => idOfToken(token) === id && token.used_count < token.uses);
  if (row === undefined) throw noSuchToken(id);
  const { pool, uses, used_count: used, created_by: createdBy, expires_at: expiresAt } = row;
  const before = { agent: row.agent, uses, used, createdBy, expiresAt: expiresAt.toISOString() };
  const detail = { id, pool, before, after: null };
  await audit.append({ actor: by, action: 'join-token-revoked', subject: row.agent ?? row.pool, detail });
  if (!(await agents.revokeJoinToken(row.hash, new Date(now())))) throw noSuchToken(id);
}

function noSuchToken(id: string): WeirError {
  return new WeirError('not_found', `There is no unused join token ${id}.`, {
    why: 'It is unknown, was used already, or has expired.',
    fix: 'See weir agent tokens; an agent that used it is stopped by weir agent revoke NAME.',
  });
}

/** The name of a token in lists and in the audit log. */
export function idOfToken({ hash }: Pick<JoinTokenRow, 'hash'>): string {
  return idOf(hash);
}

const idOf = (hash: Buffer) => hash.toString('hex').slice(0, 12);

/** What is stored of a token's secret. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
