import { randomBytes } from 'node:crypto';
import { isWeirError, WeirError } from '@weir/errors';
import { parsePublicKey, type SshPublicKey } from '@weir/ssh-certificate';
import type { SshAuthorities } from './ssh-authorities.ts';

/** What an agent asks certificates for. */
export interface TargetCertificateRequest {
  /** The key of the agent's hello, in wire form; undefined = it told none. */
  readonly agentKey: Uint8Array | undefined;
  readonly agent: string;
  readonly connection: string;
  /** Users of the hosts on the way, the target's among them. */
  readonly users: readonly string[];
  /** Id of the session, or `test`. */
  readonly session: string;
  /** Name of the person, service or AI agent; it stands in the logs of the hosts. */
  readonly principal: string;
}

/** Life of a certificate for a target: it is used at once, and counts at sign-in alone. */
const lifeSeconds = 300n;
/** Hosts whose clocks are that much behind take it, too. */
const skewSeconds = 300n;
/** What sshd lets a certificate do at all; what a person may do of it is the gate's to say. */
const extensions = ['permit-X11-forwarding', 'permit-agent-forwarding', 'permit-port-forwarding', 'permit-pty'];

/**
 * Certificates for one agent's key, one for each user (base64 of the wire form), by the CA that the hosts trust.
 * @throws WeirError agent_unavailable (the agent has no key), invalid_request (a name that no user has)
 */
export type SignTargetCertificates = (request: TargetCertificateRequest) => Record<string, string>;

/** Makes it. */
export function createTargetCertificates(parts: {
  readonly authorities: Pick<SshAuthorities, 'issue'>;
  readonly now: () => number;
}): SignTargetCertificates {
  return ({ agentKey, agent, connection, users, session, principal }) => {
    const key = keyOf(agentKey, agent);
    const now = BigInt(Math.floor(parts.now() / 1000));
    const sign = (user: string): string => {
      if (!/^[^\s,\p{Cc}]{1,255}$/u.test(user)) {
        throw new WeirError('invalid_request', `${JSON.stringify(user)} is no name of a user.`);
      }
      const { blob } = parts.authorities.issue('targets', {
        kind: 'user',
        key,
        serial: randomBytes(8).readBigUInt64BE(),
        keyId: `weir:${principal} ${session}`,
        // The second one lets a host take the certificates of its own connection alone (AuthorizedPrincipalsFile of sshd).
        principals: [user, `weir:${connection}`],
        validAfter: now - skewSeconds,
        validBefore: now + lifeSeconds,
        criticalOptions: new Map(),
        extensions,
      });
      return blob.toString('base64');
    };
    return Object.fromEntries([...new Set(users)].map((user) => [user, sign(user)]));
  };
}

function keyOf(blob: Uint8Array | undefined, agent: string): SshPublicKey {
  const refused = (why: string, cause?: unknown) =>
    new WeirError('agent_unavailable', `The agent ${agent} cannot sign in to SSH hosts by certificate.`, {
      why,
      fix: 'Update the agent.',
      ...(cause === undefined ? {} : { cause }),
    });
  if (blob === undefined || blob.length === 0) throw refused('It told no key.');
  try {
    return parsePublicKey(blob);
  } catch (cause) {
    if (!isWeirError(cause)) throw cause;
    throw refused(`Its key is not taken: ${cause.why ?? cause.message}.`, cause);
  }
}
