import type { SshTrust } from '@weir/api';
import { isWeirError } from '@weir/errors';
import { formatKeyLine, formatKnownHost, knownHostName, type SshPublicKey } from '@weir/ssh-certificate';
import type { DataPlaneLink, ListenerAddress } from '../control/data-plane-link.ts';
import type { SshAuthorities } from './ssh-authorities.ts';

/** What SSH clients and hosts have to know of the gateway. */
export interface SshTrustView {
  show(): SshTrust;
  /** The listener's own keys as lines. */
  hostKeyLines(): string[];
}

/** Makes it. `names`: under which clients reach the listener. */
export function createSshTrust(
  authorities: SshAuthorities,
  dataPlane: Pick<DataPlaneLink, 'reachable'>,
  names: () => readonly string[],
): SshTrustView {
  const lines = (keys: readonly SshPublicKey[]) => keys.map(({ type, blob }) => formatKeyLine(type, blob));
  const own = () => authorities.hostKeys().map(({ publicKey }) => publicKey);
  return {
    hostKeyLines: () => lines(own()),
    show: () => {
      const listener = listenerOf(dataPlane);
      const hosts =
        listener === null
          ? []
          : [...new Set([listener.host, ...names()])].map((host) => knownHostName(host, listener.port));
      const hostAuthorities = authorities.trusted('hosts');
      const known = [
        ...hostAuthorities.map((key) => formatKnownHost(hosts, key, 'cert-authority')),
        ...own().map((key) => formatKnownHost(hosts, key)),
      ];
      return {
        listener,
        hostKeys: lines(own()),
        hostAuthorities: lines(hostAuthorities),
        targetAuthorities: lines(authorities.trusted('targets')),
        userAuthorities: lines(authorities.trusted('users')),
        knownHosts: hosts.length === 0 ? [] : known,
      };
    },
  };
}

function listenerOf(dataPlane: Pick<DataPlaneLink, 'reachable'>): ListenerAddress | null {
  try {
    return dataPlane.reachable('ssh');
  } catch (error) {
    if (isWeirError(error) && error.code === 'gateway_unavailable') return null;
    throw error;
  }
}
