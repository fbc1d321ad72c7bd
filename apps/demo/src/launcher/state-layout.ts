import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every path of the demo's state folder. */
export interface StateLayout {
  readonly root: string;
  readonly lock: string;
  /** Processes of the launcher that runs, or ran. */
  readonly children: string;
  readonly logs: string;
  /** Passwords and ports that stay the same from start to start (0600). */
  readonly settings: string;
  readonly gatewayConfig: string;
  readonly gatewayState: string;
  readonly gatewayRuntime: string;
  readonly agentState: string;
  readonly agentEnrolment: string;
  readonly agentToken: string;
  /** Password of the target's role; the agent's credential reference leads here (0600). */
  readonly targetPassword: string;
  /** Keys and settings of the demo's SSH host, and a file to look at. */
  readonly sshHost: string;
  /** For scripts: exists while everything is ready (0600). */
  readonly demoFile: string;
  /** Address and CA for the CLI. */
  readonly clientFile: string;
}

/** The layout below a state folder. Makes the folders, closed to other accounts. */
export function createStateLayout(root: string): StateLayout {
  const layout: StateLayout = {
    root,
    lock: join(root, 'launcher.lock'),
    children: join(root, 'children.json'),
    logs: join(root, 'logs'),
    settings: join(root, 'settings.json'),
    gatewayConfig: join(root, 'gateway', 'config.yaml'),
    gatewayState: join(root, 'gateway'),
    gatewayRuntime: join(root, 'gateway', 'runtime.json'),
    agentState: join(root, 'agent'),
    agentEnrolment: join(root, 'agent-enrolment.json'),
    agentToken: join(root, 'agent-join-token'),
    targetPassword: join(root, 'demo-pg.password'),
    sshHost: join(root, 'demo-ssh'),
    demoFile: join(root, 'demo.json'),
    clientFile: join(root, 'client.json'),
  };
  for (const folder of [root, layout.logs, layout.gatewayState]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(root, 0o700);
  return layout;
}
