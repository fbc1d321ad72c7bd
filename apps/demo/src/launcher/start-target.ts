import { type EmbeddedPostgres, startEmbeddedPostgres } from '@weir/embedded-postgres';
import { type LoadedShop, loadShop } from '../data/load-shop.ts';
import type { DemoChildren } from './demo-children.ts';
import type { DemoSettings } from './demo-settings.ts';
import { writeStateFile } from './state-file.ts';
import type { StateLayout } from './state-layout.ts';

/** The demo's target: a PostgreSQL server of its own with the shop in it. */
export interface DemoTarget {
  readonly server: EmbeddedPostgres;
  readonly shop: LoadedShop;
}

/** Starts the target as one of the children, loads the shop at the first start and writes the password file that the agent reads. */
export async function startTarget(
  layout: StateLayout,
  settings: DemoSettings,
  children: DemoChildren,
  customers: number,
): Promise<DemoTarget> {
  const server = await startEmbeddedPostgres({
    stateDir: layout.root,
    role: 'demo',
    port: settings.ports.target,
    password: settings.targetAdminPassword,
    // Generated data: a lost write costs a reset, and the first start is a second faster.
    isDurable: false,
    settings: { max_connections: 200, password_encryption: 'scram-sha-256' },
  });
  children.add(server, server.logFile);
  const shop = await loadShop(server.adminUrl, { customers, appPassword: settings.targetAppPassword });
  writeStateFile(layout.targetPassword, `${settings.targetAppPassword}\n`);
  return { server, shop };
}

/** The connection as the gateway's API takes it. */
export function demoConnection(layout: StateLayout, target: DemoTarget) {
  return {
    name: 'demo-pg',
    agent: 'demo',
    labels: { env: 'demo' },
    target: {
      protocol: 'postgres',
      host: target.server.host,
      port: target.server.port,
      database: target.shop.database,
      user: 'shop_app',
      password: { from: 'file', path: layout.targetPassword },
      tls: { mode: 'prefer' },
    },
  } as const;
}
