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
import { type SshTarget, sshConnection, startSshTarget } from './ssh-target.ts';
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
  /** Path of the machine's sshd; undefined = no SSH host. */
  readonly sshd: string | undefined;
}

/** A running demo. */
export interface Demo {
  readonly runtime: GatewayRuntime;
  readonly settings: DemoSettings;
  /** The SSH host, or why there is none. */
  readonly host: SshTarget | string;
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
    const host = await progress.step('Starting the agent', () =>
      Promise.race([connectAgent(context, runtime, target, options.sshd), children.failure]),
    );
    writeReadyFiles(layout, settings, runtime, target, host);
    return {
      runtime,
      settings,
      host,
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

/** Defines the connections (the targets' ports may have changed since the last start), starts the agent and tries the ways through. */
async function connectAgent(
  context: StartContext,
  runtime: GatewayRuntime,
  target: DemoTarget,
  sshd: string | undefined,
): Promise<SshTarget | string> {
  const api = await signIn(runtime.api, 'admin', context.settings.passwords['admin'] ?? '');
  const database = demoConnection(context.layout, target);
  await api.putConnection(database);
  const host =
    sshd === undefined ? 'this machine has no sshd' : await startSshTarget(sshd, context, await api.sshAuthorities());
  if (typeof host !== 'string') await api.putConnection(sshConnection(host));
  await startAgent(context, api, runtime, database.name);
  const problems = await api.testConnection(database.name);
  if (problems.length > 0) {
    throw new WeirError('target_unavailable', `The connection ${database.name} does not work.`, {
      why: problems.join('\n'),
      fix: `Read the logs in ${context.layout.logs}`,
    });
  }
  // The host is an extra: what this machine's sshd does not like must not keep the rest from running.
  const [hostProblem] = typeof host === 'string' ? [] : await api.testConnection(sshConnection(host).name);
  await api.logout();
  return hostProblem ?? host;
}

function writeReadyFiles(
  layout: StateLayout,
  settings: DemoSettings,
  runtime: GatewayRuntime,
  target: DemoTarget,
  host: SshTarget | string,
): void {
  const { api, front } = runtime;
  writeStateJson(layout.clientFile, { api, front, ca: readFileSync(runtime.caFile, 'utf8') });
  writeStateJson(layout.demoFile, {
    api,
    users: demoUsers.map(({ name, groups }) => ({ name, password: settings.passwords[name], groups })),
    connections: [
      { name: 'demo-pg', protocol: 'postgres' },
      ...(typeof host === 'string' ? [] : [{ name: 'demo-ssh', protocol: 'ssh' }]),
    ],
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
