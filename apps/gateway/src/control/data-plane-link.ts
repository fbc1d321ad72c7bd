import { WeirError } from '@weir/errors';
import type { DataPlane } from '../dataplane/ports.ts';

/** Where a listener is: what it bound, port 0 replaced by the real one. */
export interface ListenerAddress {
  readonly host: string;
  readonly port: number;
}
/** Addresses of the data plane's listeners. */
export interface DataPlaneAddresses {
  readonly front: ListenerAddress;
  readonly tunnel: ListenerAddress;
  readonly postgres: ListenerAddress;
  /** Absent: it does not listen for SSH. */
  readonly ssh?: ListenerAddress;
}
/** The running data plane, as its factory returns it. */
export interface RunningDataPlane extends DataPlane {
  readonly addresses: DataPlaneAddresses;
  close(): Promise<void>;
}

/** The data plane as use-cases see it: control plane and data plane need each other, so this stands in until the data plane runs. */
export interface DataPlaneLink extends DataPlane {
  attach(dataPlane: Omit<RunningDataPlane, 'close'>): void;
  /** Where clients and agents reach a listener, e.g. `db-gate.example.com:7432`. @throws WeirError gateway_unavailable before attach, and when there is none. */
  reachable(listener: keyof DataPlaneAddresses): ListenerAddress;
}

/** Makes the link. `publicHost` is shown instead of the bound address, when set. */
export function createDataPlaneLink(publicHost: string | undefined): DataPlaneLink {
  let attached: Omit<RunningDataPlane, 'close'> | undefined;
  const running = (): Omit<RunningDataPlane, 'close'> => {
    if (attached !== undefined) return attached;
    throw new WeirError('gateway_unavailable', 'The gateway is not ready yet.', { fix: 'Try again in a moment.' });
  };
  return {
    attach: (dataPlane) => {
      attached = dataPlane;
    },
    reachable: (listener) => {
      const address = running().addresses[listener];
      if (address === undefined)
        throw new WeirError('gateway_unavailable', `The gateway does not listen for ${listener}.`);
      const { host, port } = address;
      const isWildcard = host === '0.0.0.0' || host === '::';
      return { host: publicHost ?? (isWildcard ? 'localhost' : host), port };
    },
    killSession: async (id, reason) => attached?.killSession(id, reason),
    updatePlan: async (id, plan) => attached?.updatePlan(id, plan),
    pauseSession: (id, notice) => attached?.pauseSession(id, notice),
    resumeSession: (id, notice) => attached?.resumeSession(id, notice),
    agentOnline: (name) => attached?.agentOnline(name) ?? false,
    poolCapabilities: (pool) => attached?.poolCapabilities(pool) ?? null,
    servesSession: (name, sessionId) => attached?.servesSession(name, sessionId) ?? false,
    agentInfo: (name) => attached?.agentInfo(name) ?? null,
    testConnection: async (connection, target) => running().testConnection(connection, target),
    trustChanged: () => attached?.trustChanged(),
    disconnectAgent: (name, reason, how) => attached?.disconnectAgent(name, reason, how),
  };
}

/** `host:port`, IPv6 addresses in brackets. */
export function addressText({ host, port }: ListenerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
