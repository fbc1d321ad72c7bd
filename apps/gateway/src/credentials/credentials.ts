import { createPublicKey, type KeyObject } from 'node:crypto';
import type { ConnectionSpec } from '@weir/api';
import { WeirError } from '@weir/errors';
import { secretOf, type Target, withSecret } from '@weir/proto';
import { CompactEncrypt } from 'jose';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Connections } from '../connections/connections.ts';
import { targetOf } from '../connections/target.ts';
import type { CredentialRepository } from '../store/credentials.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';
import type { KeyProvider } from './key-provider.ts';

/** Passwords of targets that the gateway keeps: written once, never shown again, opened only to seal them to an agent. */
export interface Credentials {
  /** Stores or replaces the password of a connection with `password: {from: stored}`. @throws WeirError not_found, invalid_request. */
  put(connection: string, password: string, by: string): Promise<void>;
  delete(connection: string, by: string): Promise<void>;
  /**
   * The target as the agent gets it: `stored` becomes `sealed` to the agent's key, for one use (a session's id, or `test`).
   * @throws WeirError target_unavailable (none is stored, or it belongs to another target), agent_unavailable (the agent takes none).
   */
  sealFor<T extends Target>(
    connection: { name: string; agent: string },
    target: T,
    agent: AgentKey,
    use: string,
  ): Promise<T>;
}

/** The agent that gets a credential. `sealingKey`: X25519, SPKI DER, as its hello said. */
export interface AgentKey {
  readonly name: string;
  readonly sealingKey: Uint8Array | undefined;
}

/** What credentials stand on. */
export interface CredentialParts {
  readonly credentials: CredentialRepository;
  readonly connections: Pick<Connections, 'find'>;
  readonly keys: KeyProvider;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Makes the use-cases. */
export function createCredentials(parts: CredentialParts): Credentials {
  const { credentials, connections, keys, audit, now } = parts;
  /** What the log says of a stored password: never the password. */
  const storedOf = async (connection: string) => {
    const known = await credentials.find(connection);
    return known === undefined ? null : { stored: true, by: known.by, at: known.at.toISOString() };
  };
  return {
    put: async (connection, password, by) => {
      const spec = await connections.find(connection);
      const secret = secretOf(targetOf(spec));
      const field = spec.target.protocol === 'ssh' ? 'secret' : 'password';
      if (secret.from !== 'stored') {
        throw new WeirError('invalid_request', `The connection ${connection} has its ${field} elsewhere.`, {
          why: `Its reference is "${secret.from}".`,
          fix: `Change the connection to \`${field}: { from: stored }\` first.`,
        });
      }
      const context = contextOf(spec.name, spec.agent, targetOf(spec));
      const sealed = await sealEnvelope(keys, Buffer.from(password), context);
      const detail = { before: await storedOf(connection), after: { stored: true, by }, ...placeOf(spec) };
      await audit.append({ actor: by, action: 'credential-stored', subject: connection, detail });
      await credentials.put({ connection, ...sealed, by, at: new Date(now()) });
    },
    delete: async (connection, by) => {
      await connections.find(connection);
      const detail = { before: await storedOf(connection), after: null };
      await audit.append({ actor: by, action: 'credential-deleted', subject: connection, detail });
      await credentials.delete(connection);
    },
    sealFor: async (connection, target, agent, use) => {
      if (secretOf(target).from !== 'stored') return target;
      const publicKey = agentKeyOf(agent);
      const password = await open(parts, connection, target);
      const jwe = await new CompactEncrypt(password)
        .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', 'weir-use': use })
        .encrypt(publicKey);
      return withSecret(target, { from: 'sealed', jwe });
    },
  };
}

async function open(
  { credentials, keys }: CredentialParts,
  connection: { name: string; agent: string },
  target: Target,
): Promise<Buffer> {
  const fix = `Store it: weir connections credential ${connection.name}`;
  const row = await credentials.find(connection.name);
  if (row === undefined) {
    throw new WeirError('target_unavailable', `No password is stored for ${connection.name}.`, { fix });
  }
  const context = contextOf(connection.name, connection.agent, target);
  try {
    return await openEnvelope(keys, row, context);
  } catch (cause) {
    throw new WeirError('target_unavailable', `The stored password of ${connection.name} cannot be used.`, {
      why: 'It belongs to another address, role, TLS setting or agent, or to a key that is not configured.',
      fix,
      cause,
    });
  }
}

function agentKeyOf({ name, sealingKey }: AgentKey): KeyObject {
  const tooOld = (cause?: unknown) =>
    new WeirError('agent_unavailable', `The agent ${name} takes no stored credentials.`, {
      why: 'It told no key for them.',
      fix: 'Update the agent.',
      cause,
    });
  if (sealingKey === undefined || sealingKey.length === 0) throw tooOld();
  try {
    const key = createPublicKey({ key: Buffer.from(sealingKey), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'x25519') return key;
  } catch (cause) {
    throw tooOld(cause);
  }
  throw tooOld();
}

/**
 * What a stored password is bound to: it opens for nothing else, so that whoever may change a connection cannot have its password sent to another server,
 * or through another agent.
 */
function contextOf(name: string, agent: string, target: Target): string {
  const { protocol, host, port, user } = target;
  const place = ['weir credential', name, agent, protocol, host, port, user];
  if (target.protocol === 'postgres') return JSON.stringify([...place, target.tls.mode, target.tls.caFile ?? null]);
  return JSON.stringify([...place, target.auth, target.hostKeys, target.jumps]);
}

function placeOf({ agent, target }: ConnectionSpec) {
  return { agent, host: target.host, port: target.port, user: target.user };
}
