import { type DemoSettings, demoUsers } from './demo-settings.ts';
import type { StateLayout } from './state-layout.ts';

/** The gateway's configuration for the demo, as JSON, which is YAML too. Connection and agent are added by the API when it runs. */
export function gatewayConfig(layout: StateLayout, settings: DemoSettings, policyFile: string): string {
  const listen = (port: number) => ({ host: '127.0.0.1', port });
  const { ports, passwords } = settings;
  return JSON.stringify(
    {
      stateDir: layout.gatewayState,
      api: listen(ports.api),
      front: listen(ports.front),
      tunnel: listen(ports.tunnel),
      postgres: listen(ports.postgres),
      ssh: listen(ports.ssh),
      store: { embedded: true },
      runtimeFile: layout.gatewayRuntime,
      bootstrap: {
        users: demoUsers.map((user) => ({ ...user, password: passwords[user.name] })),
        policyFiles: [policyFile],
      },
    },
    null,
    2,
  );
}

/** Where a gateway can be reached, as it writes it into its runtime file. */
export interface GatewayRuntime {
  /** URL of the API. */
  readonly api: string;
  readonly front: string;
  readonly postgres: string;
  /** Absent when the gateway serves no SSH. */
  readonly ssh?: string;
  readonly tunnel: string;
  /** PEM file of the gateway's CA. */
  readonly caFile: string;
}

/** Reads the contents of a runtime file, in which an address is `host:port` or {host, port}; undefined when something is missing. */
export function tryGatewayRuntime(value: Readonly<Record<string, unknown>>): GatewayRuntime | undefined {
  const [api, front, postgres, tunnel, caFile] = ['api', 'front', 'postgres', 'tunnel', 'caFile'].map((name) =>
    tryAddress(value[name]),
  );
  if (!api || !front || !postgres || !tunnel || !caFile) return undefined;
  const ssh = tryAddress(value['ssh']);
  return { api, front, postgres, ...(ssh === undefined ? {} : { ssh }), tunnel, caFile };
}

function tryAddress(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, port } = value as Record<string, unknown>;
  return typeof host === 'string' && typeof port === 'number' ? `${host}:${port}` : undefined;
}
