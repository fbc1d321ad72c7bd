import { WeirError } from '@weir/errors';
import type { AgentClaims } from '@weir/tunnel';
import { addressText } from '../control/data-plane-link.ts';
import type { RenewedIdentity } from '../dataplane/ports.ts';
import type { AgentRow } from '../store/agents.ts';
import type { AgentParts } from './agents.ts';

/** What every agent may serve. */
export const protocols = ['postgres', 'ssh'] as const;

/**
 * Signs the next certificate of an agent that has proved who it is with the certificate of this serial.
 * @throws WeirError invalid_request (bad certificate request), conflict (another renewal was first).
 */
export async function issueNext(
  { agents, ca, audit, dataPlane, settings, now }: AgentParts,
  row: AgentRow,
  shown: { readonly serial: string; readonly certificateRequest: Buffer },
  event: { readonly action: 'agent-renewed' | 'agent-recovered'; readonly detail?: Readonly<Record<string, unknown>> },
): Promise<RenewedIdentity> {
  const claims = { agentId: row.id, pool: row.pool, renewal: row.renewals + 1, serves: protocols };
  const issued = await ca.signAgent(claims, shown.certificateRequest, now(), settings.certificateTtlSeconds);
  await audit.append({
    actor: row.name,
    action: event.action,
    subject: row.name,
    detail: { agentId: row.id, serial: issued.serial, renewal: row.renewals + 1, ...event.detail },
  });
  const serials = { serial: issued.serial, before: shown.serial, issuer: issued.issuer };
  if (await agents.renew(row.id, row.renewals, serials, issued.expiresAt)) {
    return {
      certificate: issued.certificate,
      ca: ca.bundle,
      frontAddress: addressText(dataPlane.reachable('front')),
    };
  }
  throw new WeirError('conflict', 'Two holders of this identity renewed at the same time.', {
    why: 'One agent renews one after the other; a copied state folder does not.',
    fix: 'Make sure that the agent runs once; if it does, revoke it and enrol it again.',
  });
}

/** Why an agent is locked whose old certificate was shown. */
export const copyReason = 'it showed a certificate from before its last renewal: a copy of this agent runs';

/**
 * Can only a copy still have this certificate, which is neither the newest nor the one before? Yes when the newest was shown, since who shows it has stored it, and
 * when it counts fewer renewals than there were. One that counts more is of a gateway whose store was restored.
 */
export function isOfCopy(row: AgentRow, serial: string, claims: Partial<AgentClaims> | undefined): boolean {
  if (row.previous_serial === null) return true;
  const isOlder = claims?.renewal !== undefined && claims.renewal < row.renewals;
  return isOlder && serial.toUpperCase() !== row.previous_serial;
}

/** The answer to an agent that shows something which is not good. */
export function refused(why: string): WeirError {
  return new WeirError('not_permitted', 'The gateway does not accept this agent.', {
    why,
    fix: 'Enrol it with a new join token: weir agent token NAME',
  });
}
