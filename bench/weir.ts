import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ApiClient, createApiClient, holdPasswordSignIn } from '@weir/api';
import { createTemporaryFolder, freePort, type SshServer } from '@weir/testkit';
import { type Child, startNode } from './child.ts';
import type { CleanUp } from './clean-up.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** As the launcher of `npm start` runs them. */
const serverFlags = ['--max-semi-space-size=32'];
const built = (app: string) => join(root, 'apps', app, 'dist', 'main.js');
const password = 'bench-person-1';

/** A database that Weir shall reach. */
export interface WeirTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/**
 * Whom a session is of. For the first the demo's guardrails are in force and its masks and the bench's own; for the second the guardrails alone;
 * for the third nothing but an access rule that allows everything. Statements are analysed and recorded for all of them.
 */
export type BenchPerson = 'masked' | 'guarded' | 'unruled';

/** Their names and groups; `bench-unmasked` is written into the `exempt` of every mask. */
const people: Readonly<Record<BenchPerson, { readonly name: string; readonly groups: readonly string[] }>> = {
  masked: { name: 'dora', groups: ['developers'] },
  guarded: { name: 'greta', groups: ['developers', 'bench-unmasked'] },
  unruled: { name: 'ursula', groups: ['admins'] },
};

/** What to start. */
export interface WeirOptions {
  readonly target: WeirTarget;
  /** A host that becomes the connection `bench-ssh`, by certificates of the gateway. */
  readonly ssh?: SshServer;
  /** Folder for CPU profiles of gateway and agent. */
  readonly profileDir?: string | undefined;
  /** Starts something between agent and gateway; gets the tunnel's port and gives the port that the agent shall dial. */
  readonly between?: (tunnelPort: number) => Promise<number>;
}

/** Gateway and agent as processes of their own, with mutual TLS, recording, the demo's policy and that of the bench. */
export interface Weir {
  readonly gatewayPid: number;
  readonly agentPid: number;
  /** Port of the SSH listener. */
  readonly sshPort: number;
  /** DSN of the native listener for a new session; without `person` of one whom the masks are about. */
  nativeDsn(sslmode: 'disable' | 'require', person?: BenchPerson): Promise<string>;
  /** The API as an administrator. */
  admin(): Promise<ApiClient>;
  /** The API as one of the people. */
  as(person: BenchPerson): Promise<ApiClient>;
  /** DSNs of so many new sessions of the masked person, for the native listener without TLS. */
  sessions(count: number): Promise<string[]>;
  /** Starts `weir connect` for a session of the masked person and gives its local DSN. */
  connectDsn(): Promise<string>;
  stop(): Promise<void>;
}

/** Are gateway, agent and CLI built? @throws with the command that builds them. */
export function requireBuild(): void {
  const missing = ['gateway', 'agent', 'cli'].filter((app) => !existsSync(built(app)));
  if (missing.length > 0) throw new Error(`not built: ${missing.join(', ')}. Run: pnpm build`);
}

/** Starts Weir and waits until its agent is online. */
export async function startWeir(cleanUp: CleanUp, options: WeirOptions): Promise<Weir> {
  const folder = createTemporaryFolder('weir-bench', 0o700);
  const log = join(folder.path, 'children.log');
  const children: Child[] = [];
  let stopping: Promise<void> | undefined;
  const end = async () => {
    const warnings = warningsIn(readFileSync(log, 'utf8'));
    if (warnings.length > 0) process.stderr.write(`gateway and agent warned:\n${warnings.slice(-5).join('\n')}\n`);
    for (const child of children.reverse()) await child.stop();
    folder.remove();
  };
  const stop = () => {
    stopping ??= end();
    return stopping;
  };
  cleanUp.add('Weir', stop);
  const run = (args: readonly string[], more: { env?: Record<string, string>; input?: string } = {}) => {
    if (stopping !== undefined) throw new Error('the bench was stopped while Weir started');
    const child = startNode(args, { log, ...more });
    children.push(child);
    return child;
  };
  const profiled = options.profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profileDir}`];

  const files = writeConfiguration(folder.path, options);
  const gateway = run([...profiled, ...serverFlags, built('gateway'), '--config', files.config]);
  const runtime = await untilReady(gateway, files.runtime);
  const agentState = join(folder.path, 'agent');
  await run([built('agent'), 'enrol', '--token-file', files.joinToken, '--state', agentState]).output;
  if (options.between !== undefined) {
    const port = await options.between(Number(runtime.tunnel.split(':').at(-1)));
    const stateFile = join(agentState, 'agent.json');
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as object;
    writeFileSync(stateFile, JSON.stringify({ ...state, tunnelAddress: `127.0.0.1:${port}` }));
  }
  const agent = run([...profiled, ...serverFlags, built('agent'), 'run', '--state', agentState]);
  const login = async (user: string) => {
    const authorizer = await holdPasswordSignIn(runtime.api, { user, password });
    return createApiClient({ baseUrl: runtime.api, authorizer });
  };
  await untilOnline(await login('admin'), agent);
  options.ssh?.trust((await (await login('admin')).sshTrust()).targetAuthorities);

  return {
    gatewayPid: gateway.pid,
    agentPid: agent.pid,
    sshPort: runtime.ssh.port,
    async nativeDsn(sslmode, person = 'masked') {
      const { native } = await (await login(people[person].name)).openSession({
        connection: 'bench-pg',
        via: 'native',
      });
      const url = new URL(native.dsn);
      url.searchParams.set('sslmode', sslmode);
      return url.href;
    },
    admin: () => login('admin'),
    as: (person) => login(people[person].name),
    async sessions(count) {
      const api = await login(people.masked.name);
      const dsns: string[] = [];
      let asked = 0;
      const openSome = async () => {
        while (asked < count) {
          asked++;
          const url = new URL((await api.openSession({ connection: 'bench-pg', via: 'native' })).native.dsn);
          url.searchParams.set('sslmode', 'disable');
          dsns.push(url.href);
        }
      };
      await Promise.all(Array.from({ length: 4 }, openSome));
      return dsns;
    },
    async connectDsn() {
      const env = { WEIR_HOME: join(folder.path, 'cli') };
      const login = [
        'login',
        '--gateway',
        runtime.api,
        '--ca',
        runtime.caFile,
        '--user',
        people.masked.name,
        '--password-stdin',
      ];
      await run([built('cli'), ...login], { env, input: `${password}\n` }).output;
      const port = String(await freePort());
      const line = await run([built('cli'), 'connect', 'bench-pg', '--port', port, '--json'], { env }).firstLine;
      return (JSON.parse(line) as { dsn: string }).dsn;
    },
    stop,
  };
}

/** Lines of the log that are not everyday ones: what went wrong in a measurement begins here. */
function warningsIn(log: string): string[] {
  return log.split('\n').filter((line) => /"level":"(warn|error)"/.test(line));
}

function writeConfiguration(folder: string, { target, ssh }: WeirOptions) {
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const any = { host: '127.0.0.1', port: 0 };
  const noBound = { burst: 1_000_000, perSecond: 100_000 };
  const runtime = join(folder, 'runtime.json');
  const joinToken = join(folder, 'join-token');
  const { host, port, database, user } = target;
  const targetPassword = { from: 'file', path: file('target-password', `${target.password}\n`) };
  const config = {
    stateDir: join(folder, 'gateway'),
    // One account opens thousands of sessions at once here.
    api: { ...any, limits: { address: noBound, principal: noBound, token: noBound } },
    front: any,
    tunnel: any,
    postgres: any,
    runtimeFile: runtime,
    bootstrap: {
      users: [
        ...Object.values(people).map((person) => ({ ...person, password })),
        { name: 'admin', password, groups: ['admins'], roles: ['admin'] },
      ],
      connections: [
        {
          name: 'bench-pg',
          agent: 'bench-agent',
          labels: { env: 'demo' },
          target: {
            protocol: 'postgres',
            ...{ host, port, database, user, password: targetPassword, tls: { mode: 'disable' } },
          },
        },
        ...(ssh === undefined ? [] : [hostConnection(ssh)]),
      ],
      policyFiles: ['apps/demo/policy/shop.yaml', 'bench/policy.yaml'].map((path, index) =>
        file(`policy-${index}.yaml`, exemptUnmasked(readFileSync(join(root, path), 'utf8'))),
      ),
      joinTokens: [{ agent: 'bench-agent', tokenFile: joinToken }],
    },
  };
  return { config: file('gateway.yaml', JSON.stringify(config)), runtime, joinToken };
}

function hostConnection({ host, port, user, hostKey }: SshServer) {
  const [, blob = ''] = hostKey.split(' ');
  const digest = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64');
  const hostKeys = [`SHA256:${digest.replace(/=+$/, '')}`];
  const target = { protocol: 'ssh', host, port, user, auth: 'certificate', hostKeys };
  return { name: 'bench-ssh', agent: 'bench-agent', labels: { env: 'demo' }, target };
}

/** Lets every mask spare the group `bench-unmasked`, too. @throws when a policy does not look as expected. */
function exemptUnmasked(policy: string): string {
  const spared = policy.replaceAll('exempt: { groups: [admins] }', 'exempt: { groups: [admins, bench-unmasked] }');
  const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;
  if (count(spared, /^kind: Masking$/gm) !== count(spared, /bench-unmasked/g))
    throw new Error('every mask of the demo and of the bench shall have: exempt: { groups: [admins] }');
  return spared;
}

interface Runtime {
  readonly api: string;
  readonly tunnel: string;
  readonly ssh: { readonly port: number };
  readonly caFile: string;
}

async function untilReady(gateway: Child, file: string): Promise<Runtime> {
  let failure: unknown;
  gateway.output.catch((error: unknown) => {
    failure = error;
  });
  for (const deadline = Date.now() + 60_000; ; ) {
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Runtime;
    if (failure !== undefined) throw failure;
    if (Date.now() > deadline) throw new Error('the gateway was not ready within a minute');
    await sleep(50);
  }
}

async function untilOnline(admin: ApiClient, agent: Child): Promise<void> {
  let failure: unknown;
  agent.output.catch((error: unknown) => {
    failure = error;
  });
  for (const deadline = Date.now() + 60_000; ; ) {
    if ((await admin.listAgents()).some(({ online }) => online)) return;
    if (failure !== undefined) throw failure;
    if (Date.now() > deadline) throw new Error('the agent was not online within a minute');
    await sleep(50);
  }
}
