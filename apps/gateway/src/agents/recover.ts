import { verify, X509Certificate } from 'node:crypto';
import { WeirError } from '@weir/errors';
import { recoveryClaim } from '@weir/proto';
import { tryAgentClaims, tryAgentId } from '@weir/tunnel';
import type { RecoveryRequest, RenewedIdentity } from '../dataplane/ports.ts';
import type { AgentRow } from '../store/agents.ts';
import { lockedReason } from './agent-twins.ts';
import type { AgentParts } from './agents.ts';
import { readRequest } from './certificate-authority.ts';
import { copyReason, isOfCopy, issueNext, refused } from './next-certificate.ts';

/** How far the agent's clock may be off, ms: as far as a certificate begins in the past. */
const clockSkewMs = 5 * 60_000;
/** Largest certificate that is looked at; an agent's has about 500 bytes. */
const maxCertificateBytes = 16_384;
const dayMs = 86_400_000;

/**
 * A new certificate for an agent that was away when its last one ended: it signs its request with the key of that one, and shows its last nonce. Nothing of it
 * is secret, so the signature, its time and the order of requests must be right before the nonce is looked at: a stale nonce locks.
 * @throws WeirError not_permitted, invalid_request (bad certificate request), conflict.
 */
export async function recover(
  parts: AgentParts,
  request: RecoveryRequest,
  remoteAddress: string,
): Promise<RenewedIdentity> {
  const { ca, audit, now } = parts;
  const certificateRequest = Buffer.from(request.certificateRequest);
  await readRequest(certificateRequest);
  const certificate = tryCertificate(request.certificate);
  try {
    if (certificate === undefined) throw refused('It shows no certificate.');
    if (!ca.hasSigned(certificate)) throw await notOfThisGateway(parts, certificate);
    checkProof(parts, request, certificate);
    const row = await admit(parts, request, certificate);
    const { instanceId } = request;
    await parts.identify(row.id, request.nonce, { remoteAddress, instanceId });
    const shown = { serial: certificate.serialNumber, certificateRequest };
    const away = { ended: new Date(certificate.validTo).toISOString(), address: remoteAddress };
    return await issueNext(parts, row, shown, { action: 'agent-recovered', detail: away });
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    await audit.append({
      actor: 'unknown',
      action: 'agent-refused',
      subject: request.agentId.slice(0, 100),
      detail: { address: remoteAddress, at: new Date(now()).toISOString(), reason: error.why ?? error.message },
    });
    throw error;
  }
}

async function notOfThisGateway({ ca }: AgentParts, certificate: X509Certificate): Promise<WeirError> {
  const at = await ca.droppedAt(certificate);
  if (at === undefined) return refused('Its certificate is not of this gateway.');
  return refused(`Its certificate is of a CA that was dropped at ${at.toISOString()}, while the agent was away.`);
}

/** What can be checked without the store. */
function checkProof({ now }: AgentParts, request: RecoveryRequest, certificate: X509Certificate): void {
  if (tryAgentId(certificate.subjectAltName) !== request.agentId) {
    throw refused('Its certificate is that of another agent.');
  }
  const { publicKey } = certificate;
  const hash = publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  if (!verify(hash, recoveryClaim(request), publicKey, request.signature)) {
    throw refused('Its request is not signed by the key of its certificate.');
  }
  if (Math.abs(now() - request.sentAtMs) > clockSkewMs) {
    throw new WeirError('not_permitted', 'The gateway does not accept this agent.', {
      why: 'Its request is too old, or its clock is wrong by more than five minutes.',
      fix: 'Set the clock of the agent; it tries again by itself.',
    });
  }
}

async function admit(
  { agents, settings, now, onCopy }: AgentParts,
  { agentId, sentAtMs }: RecoveryRequest,
  certificate: X509Certificate,
): Promise<AgentRow> {
  const row = await agents.find(agentId);
  if (row === undefined) throw refused('It is unknown.');
  if (row.revoked_at !== null) throw refused('It was revoked.');
  if (row.locked_at !== null) {
    throw new WeirError('not_permitted', 'The gateway does not accept this agent.', {
      why: `${lockedReason(row)}.`,
      fix: `Find out why, then: weir agent unlock ${row.name}`,
    });
  }
  const serial = certificate.serialNumber.toUpperCase();
  if (serial !== row.serial && serial !== row.previous_serial) {
    const claims = tryAgentClaims(certificate.subjectAltName);
    if (isOfCopy(row, serial, claims)) await onCopy(agentId, copyReason, { serial, renewal: claims?.renewal ?? null });
    throw refused('Its certificate was replaced by a renewal; a copy of the agent may be running.');
  }
  if (now() > Date.parse(certificate.validTo) + settings.recoverWithinDays * dayMs) {
    throw refused(`Its certificate ended more than ${settings.recoverWithinDays} days ago.`);
  }
  // Of two requests with the same time one is a copy of the other.
  if (!(await agents.noteRecovery(agentId, new Date(sentAtMs)))) throw refused('Its request was seen before.');
  return row;
}

function tryCertificate(der: Uint8Array): X509Certificate | undefined {
  if (der.length === 0 || der.length > maxCertificateBytes) return undefined;
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
