import { WeirError } from '@weir/errors';
import { tryJoinToken } from '@weir/proto';
import { addressText } from '../control/data-plane-link.ts';
import type { EnrolmentRequest, EnrolmentResult } from '../dataplane/ports.ts';
import { shortId } from '../identity/short-id.ts';
import type { JoinTokenRow } from '../store/agents.ts';
import type { AgentParts } from './agents.ts';
import { readRequest } from './certificate-authority.ts';
import { hashSecret, idOfToken } from './join-tokens.ts';
import { protocols } from './next-certificate.ts';
import { admitByPlatform } from './platform/admit-by-platform.ts';
import { poolAgentName } from './pool-agent-name.ts';

/** What a token lets an agent be. */
export interface Admission {
  readonly name: string;
  readonly pool: string;
  /** By what, for the audit log. */
  readonly by: Readonly<Record<string, unknown>>;
}

/**
 * Trades a token and a certificate request for an identity.
 * @throws WeirError invalid_request (bad certificate request: the token stays good), not_permitted.
 */
export async function enrol(
  parts: AgentParts,
  request: EnrolmentRequest,
  remoteAddress: string,
): Promise<EnrolmentResult> {
  const { agents, ca, dataPlane, audit, settings, now } = parts;
  await checkRequest(parts, request, remoteAddress);
  const { name, pool, by } = await admit(parts, request, remoteAddress);
  const agentId = `agt_${shortId(16)}`;
  const claims = { agentId, pool, renewal: 0, serves: protocols };
  const issued = await ca.signAgent(claims, request.certificateRequest, now(), settings.certificateTtlSeconds);
  const detail = { address: remoteAddress, agentVersion: request.agentVersion, agentId, pool, ...by };
  await audit.append({
    ...{ actor: name, action: 'agent-enrolled', subject: name },
    detail: { ...detail, serial: issued.serial },
  });
  const { serial, issuer, expiresAt: certificateExpiresAt } = issued;
  const version = request.agentVersion.slice(0, 100);
  const replaced = await agents.insert(
    { id: agentId, name, pool, serial, issuer, certificateExpiresAt, version },
    new Date(now()),
  );
  if (replaced.length > 0) {
    dataPlane.disconnectAgent(name, 'another agent was enrolled under this name', 'for-good');
  }
  return {
    ...{ agentId, agentName: name, pool, certificate: issued.certificate, ca: ca.bundle },
    tunnelAddress: addressText(dataPlane.reachable('tunnel')),
  };
}

function admit(parts: AgentParts, request: EnrolmentRequest, remoteAddress: string): Promise<Admission> {
  const { platformToken } = request;
  if (platformToken === undefined) return admitByJoinToken(parts, request, remoteAddress);
  return admitByPlatform(parts, { ...request, platformToken }, remoteAddress);
}

async function checkRequest(
  { audit }: AgentParts,
  { certificateRequest, agentVersion }: EnrolmentRequest,
  address: string,
): Promise<void> {
  try {
    await readRequest(certificateRequest);
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    const detail = { address, agentVersion: agentVersion.slice(0, 100), reason: error.why ?? error.message };
    await audit.append({ actor: 'unknown', action: 'enrolment-refused', subject: 'agent', detail });
    throw error;
  }
}

/** Why an enrolment is refused: `log` for the audit log, `shown` to the agent. */
interface Refusal {
  readonly log: string;
  readonly shown: string;
}

/** The same words whether the token is unknown, used or too old: they say nothing to somebody who guesses. */
const notGood = 'It is unknown, was used already, was revoked, or has expired.';

async function admitByJoinToken(
  parts: AgentParts,
  request: EnrolmentRequest,
  remoteAddress: string,
): Promise<Admission> {
  const { agents, now } = parts;
  const secret = tryJoinToken(request.joinToken)?.secret ?? request.joinToken;
  const hash = hashSecret(secret);
  const row = await agents.findJoinToken(hash);
  const at = new Date(now());
  const refusal = whyNot(row, request.pool, at);
  if (row !== undefined && refusal === undefined && (await agents.consumeJoinToken(hash, at))) {
    const name = row.agent ?? poolAgentName(row.pool, undefined);
    return { name, pool: row.pool, by: { joinToken: idOfToken(row) } };
  }
  const { log, shown } = refusal ?? { log: 'used up at the same moment', shown: notGood };
  await parts.audit.append({
    ...{ actor: 'unknown', action: 'enrolment-refused', subject: row?.agent ?? row?.pool ?? 'agent' },
    detail: {
      ...{ address: remoteAddress, agentVersion: request.agentVersion, reason: log },
      ...(row === undefined ? {} : { joinToken: idOfToken(row), pool: row.pool }),
      ...(request.pool === undefined ? {} : { claimed: request.pool.slice(0, 100) }),
    },
  });
  throw new WeirError('not_permitted', 'The join token is not valid.', {
    why: shown,
    fix: 'Make a new one: weir agent token NAME',
  });
}

function whyNot(row: JoinTokenRow | undefined, claimed: string | undefined, at: Date): Refusal | undefined {
  if (row === undefined) return { log: 'unknown token', shown: notGood };
  if (row.revoked_at !== null) return { log: 'revoked token', shown: notGood };
  if (row.expires_at <= at) return { log: 'expired token', shown: notGood };
  if (row.used_count >= row.uses) return { log: 'token used up', shown: notGood };
  if (claimed !== undefined && claimed !== row.pool) {
    return { log: 'token of another pool', shown: `It is not for the pool ${claimed}.` };
  }
  return undefined;
}
