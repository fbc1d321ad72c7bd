import { accessSync, constants, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { serverHomePath } from '@weir/embedded-postgres';
import { WeirError } from '@weir/errors';
import type { DemoChildren } from './demo-children.ts';
import { type DemoSettings, demoUsers, loadDemoSettings } from './demo-settings.ts';
import { signIn } from './gateway-api.ts';
import type { GatewayRuntime } from './gateway-config.ts';
import { waitForLeftovers } from './leftover-children.ts';
import { findPrograms, programEnvironment } from './node-programs.ts';
import type { Progress } from './progress.ts';
import { startAgent } from './start-agent.ts';
import { type StartContext, startGateway } from './start-gateway.ts';
import { type DemoTarget, demoConnection, startTarget } from './start-target.ts';
import { writeStateJson } from './state-file.ts';
import type { StateLayout } from './state-layout.ts';

/** What to start. */
export interface DemoOptions {
  /** Root of the checkout, where the built programs are. */
  readonly checkout: string;
  readonly layout: StateLayout;
  readonly customers: number;
  readonly progress: Progress;
}

/** A running demo. */
export interface Demo {
  readonly runtime: GatewayRuntime;
  readonly settings: DemoSettings;
  /** Rejects when a process ended by itself; never resolves. */
  readonly failure: Promise<never>;
  /** Removes demo.json, then stops agent, gateway and target in this order. */
  stop(): Promise<void>;
}

/**
 * Starts target, gateway and agent, and writes demo.json when a connection through all of them works. The caller holds the state folder's lock.
 * `children` is the caller's, so that it can stop what runs while this still starts; after a failure everything is stopped.
 */
export async function startDemo(options: DemoOptions, children: DemoChildren): Promise<Demo> {
  const { layout, progress } = options;
  rmSync(layout.demoFile, { force: true });
  try {
    const programs = findPrograms(options.checkout);
    await waitForLeftovers(layout.children);
    const settings = await loadDemoSettings(layout.settings);
    const target = await progress.step('Starting the demo database', () =>
      startTarget(layout, settings, children, options.customers),
    );
    const env = programEnvironment(serverHomePath(layout.root));
    const context: StartContext = { layout, settings, programs, children, env };
    const runtime = await progress.step('Starting the gateway', () => startGateway(context));
    await progress.step('Starting the agent', () =>
      Promise.race([connectAgent(context, runtime, target), children.failure]),
    );
    writeReadyFiles(layout, settings, runtime, target);
    return {
      runtime,
      settings,
      failure: children.failure,
      stop: async () => {
        rmSync(layout.demoFile, { force: true });
        await children.stopAll();
      },
    };
  } catch (error) {
    await children.stopAll();
    throw error;
  }
}

/** Defines the connection (the target's port may have changed since the last start), starts the agent and tries the way through. */
async function connectAgent(context: StartContext, runtime: GatewayRuntime, target: DemoTarget): Promise<void> {
  const api = await signIn(runtime.api, 'admin', context.settings.passwords['admin'] ?? '');
  const connection = demoConnection(context.layout, target);
  await api.putConnection(connection);
  await startAgent(context, api, runtime, connection.name);
  const problems = await api.testConnection(connection.name);
  if (problems.length > 0) {
    throw new WeirError('target_unavailable', `The connection ${connection.name} does not work.`, {
      why: problems.join('\n'),
      fix: `Read the logs in ${context.layout.logs}`,
    });
  }
  await api.logout();
}

function writeReadyFiles(
  layout: StateLayout,
  settings: DemoSettings,
  runtime: GatewayRuntime,
  target: DemoTarget,
): void {
  const { api, front } = runtime;
  writeStateJson(layout.clientFile, { api, front, ca: readFileSync(runtime.caFile, 'utf8') });
  writeStateJson(layout.demoFile, {
    api,
    users: demoUsers.map(({ name, groups }) => ({ name, password: settings.passwords[name], groups })),
    connections: [{ name: 'demo-pg', protocol: 'postgres' }],
    targets: [{ connection: 'demo-pg', adminUrl: target.shop.adminUrl }],
  });
}

/** Is there a program of this name on PATH? */
export function isOnPath(name: string, path = process.env['PATH'] ?? ''): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch (error) {
      if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  });
}
