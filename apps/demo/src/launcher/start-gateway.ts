import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type SupervisedChild, settlesWithin } from '@weir/embedded-postgres';
import { WeirError } from '@weir/errors';
import type { DemoChildren } from './demo-children.ts';
import type { DemoSettings } from './demo-settings.ts';
import { becomesTrue, isHealthy } from './gateway-api.ts';
import { type GatewayRuntime, gatewayConfig, tryGatewayRuntime } from './gateway-config.ts';
import { type NodePrograms, serverFlags } from './node-programs.ts';
import { readStateJson, writeStateFile } from './state-file.ts';
import type { StateLayout } from './state-layout.ts';

/** How long a gateway may take to be ready: its first start makes its store. */
const readyTimeoutMs = 90_000;

/** What a program of the demo is started with. */
export interface StartContext {
  readonly layout: StateLayout;
  readonly settings: DemoSettings;
  readonly programs: NodePrograms;
  readonly children: DemoChildren;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Starts the gateway and waits until it is healthy; gives the addresses that it wrote. Its early end is the children's failure. */
export async function startGateway(context: StartContext): Promise<GatewayRuntime> {
  const { layout, programs } = context;
  writeStateFile(layout.gatewayConfig, gatewayConfig(layout, context.settings, programs.policy));
  rmSync(layout.gatewayRuntime, { force: true });
  const child = await context.children.start({
    name: 'The gateway',
    command: process.execPath,
    args: [...serverFlags, programs.gateway, '--config', layout.gatewayConfig],
    env: context.env,
    cwd: layout.root,
    logFile: join(layout.logs, 'gateway.log'),
    graceMs: 20_000,
  });
  return Promise.race([untilHealthy(child, layout), context.children.failure]);
}

async function untilHealthy(child: SupervisedChild, layout: StateLayout): Promise<GatewayRuntime> {
  let runtime: GatewayRuntime | undefined;
  const isReady = await becomesTrue(async () => {
    // When it ended, the failure of the children tells why.
    if (await settlesWithin(child.exited, 0)) return true;
    const written = readStateJson(layout.gatewayRuntime);
    runtime = written && tryGatewayRuntime(written);
    return runtime !== undefined && (await isHealthy(runtime.api));
  }, readyTimeoutMs);
  if (isReady && runtime) return runtime;
  throw new WeirError('internal', `The gateway was not ready within ${readyTimeoutMs / 1000} s.`, {
    fix: `Read its log: ${join(layout.logs, 'gateway.log')}`,
  });
}
