import type { ApiClient, ConnectionSpec, ConnectionTest } from '@weir/api';
import { WeirError } from '@weir/errors';

/** A host on the way whose key is not among the pinned ones. */
export interface UnknownHostKey {
  /** host:port */
  readonly where: string;
  readonly fingerprint: string;
  /** Others were pinned before. */
  readonly isChanged: boolean;
}

type SshTarget = Extract<ConnectionSpec['target'], { protocol: 'ssh' }>;

/** What was pinned, in the order in which the hosts are passed. */
export type Pinned = Pick<UnknownHostKey, 'where' | 'fingerprint'>;

/**
 * Pins the host keys of a connection, host after host: the agent dials and tells the key that is not known, `decide` says whether it is the right
 * one. A changed key takes the place of the fingerprints that were pinned.
 * @throws WeirError invalid_request (no SSH connection, not decided), precondition_failed (somebody else changed it meanwhile)
 */
export async function pinHostKeys(
  api: Pick<ApiClient, 'getConnection' | 'putConnection' | 'testConnection'>,
  name: string,
  decide: (key: UnknownHostKey) => Promise<boolean>,
): Promise<Pinned[]> {
  const pinned: Pinned[] = [];
  for (;;) {
    const { value: spec, version } = await api.getConnection(name);
    const { target } = spec;
    if (target.protocol !== 'ssh')
      throw new WeirError('invalid_request', `The connection ${name} has no host keys.`, {
        why: `It speaks ${target.protocol}.`,
        fix: 'Pin those of connections to SSH hosts.',
      });
    const unknown = unknownHostKey(await api.testConnection(name), target);
    if (unknown === undefined || pinned.length > target.jumps.length) return pinned;
    if (!(await decide(unknown)))
      throw new WeirError('invalid_request', `The host key of ${unknown.where} is not pinned.`, {
        why: `It is ${unknown.fingerprint}.`,
        fix: 'Compare it with the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
      });
    await api.putConnection({ ...spec, target: withPin(target, unknown) }, { version });
    pinned.push({ where: unknown.where, fingerprint: unknown.fingerprint });
  }
}

/** Reads it from the step that failed. @throws WeirError target_unavailable when a host on the way could not be reached at all */
function unknownHostKey({ steps }: ConnectionTest, target: SshTarget): UnknownHostKey | undefined {
  const failed = steps.find(({ ok }) => !ok);
  if (failed === undefined || failed.name.startsWith('sign-in') || failed.name === 'channel') return undefined;
  const [, fingerprint] = /(SHA256:[A-Za-z0-9+/]{43})/.exec(failed.detail) ?? [];
  const hop = [...target.jumps, target].find(
    ({ host, port }) => failed.detail.includes(` ${host}:${port} `) || failed.detail.includes(` ${host}:${port}:`),
  );
  if (failed.name === 'host key' && fingerprint !== undefined && hop !== undefined)
    return { where: `${hop.host}:${hop.port}`, fingerprint, isChanged: hop.hostKeys.length > 0 };
  throw new WeirError('target_unavailable', 'The host key cannot be asked for.', {
    why: `${failed.name}: ${failed.detail}`,
    fix: 'Correct the connection (weir connections add), then pin again.',
  });
}

function withPin(target: SshTarget, { where, fingerprint }: UnknownHostKey): SshTarget {
  const pin = <T extends { host: string; port: number; hostKeys: string[] }>(hop: T): T =>
    `${hop.host}:${hop.port}` === where
      ? { ...hop, hostKeys: [...hop.hostKeys.filter((key) => key.startsWith('@')), fingerprint] }
      : hop;
  return { ...pin(target), jumps: target.jumps.map(pin) };
}
