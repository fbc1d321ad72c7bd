import type { JoinToken } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { JoinTokenRow } from '../store/agents.ts';
import type { AgentParts } from './agents.ts';

/** What people see of a token: its secret is known to nobody but its holder. */
export function joinTokenView(row: JoinTokenRow): JoinToken {
  return {
    id: idOf(row),
    agent: row.agent,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    used: row.used_at !== null,
  };
}

/** Makes an unused token worthless. @throws WeirError not_found. */
export async function revokeJoinToken({ agents, audit, now }: AgentParts, id: string, by: string): Promise<void> {
  const tokens = await agents.listJoinTokens(new Date(now()));
  const row = tokens.find((token) => idOf(token) === id && token.used_at === null);
  if (row === undefined) throw noSuchToken(id);
  await audit.append({ actor: by, action: 'join-token-revoked', subject: row.agent, detail: { id } });
  if (!(await agents.deleteJoinToken(row.hash))) throw noSuchToken(id);
}

function noSuchToken(id: string): WeirError {
  return new WeirError('not_found', `There is no unused join token ${id}.`, {
    why: 'It is unknown, was used already, or has expired.',
    fix: 'See weir agent tokens; an agent that used it is stopped by weir agent revoke NAME.',
  });
}

function idOf({ hash }: JoinTokenRow): string {
  return hash.toString('hex').slice(0, 12);
}
