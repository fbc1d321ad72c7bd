import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSshKey, findSshd, hasCommand, startSshServer } from '@weir/testkit';
import { type BenchContext, startWeirFor } from '../bench-context.ts';
import { median, percentile, type Row, type Section } from '../section.ts';

/** How OpenSSH's client gets to the host. */
interface Way {
  readonly route: string;
  /** `user@host`. */
  readonly to: string;
  readonly options: readonly string[];
}

const megabyte = 1_000_000;
/** Keys that are pressed one by one before and while the echo is measured. */
const warmUpKeys = 50;

/** A command with 200 MB of output, sftp get of the same file, and the echo of keys, by OpenSSH's own client: straight to the machine's sshd and through Weir. */
export async function measureSsh(context: BenchContext): Promise<Section[]> {
  if (findSshd() === undefined || !['ssh', 'sftp'].every(hasCommand)) {
    context.progress(
      'ssh: left out, there is no sshd or no client (Debian: apt-get install openssh-server openssh-client)',
    );
    return [];
  }
  const megabytes = context.quick ? 50 : 200;
  const rounds = context.quick ? 1 : 5;
  const file = join(context.scratch, 'content');
  writeFileSync(file, randomBytes(megabytes * megabyte));
  const key = await createSshKey(context.scratch, 'key');
  const host = await startSshServer({ authorizedKeys: [key.publicKey] });
  context.cleanUp.add('sshd', () => host.stop());
  const weir = await startWeirFor(context, { ssh: host });
  await (await weir.admin()).addSshKeyOf('greta', { publicKey: key.publicKey });
  const knownHosts = join(context.scratch, 'known_hosts');
  writeFileSync(knownHosts, `${(await (await weir.admin()).sshTrust()).knownHosts.join('\n')}\n`);
  const way = (route: string, to: string, port: number, known: string): Way => ({
    ...{ route, to },
    options: [
      ...['-F', 'none', '-q', '-i', key.path, '-o', `Port=${port}`, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
      ...['-o', 'IdentityAgent=none', '-o', `UserKnownHostsFile=${known}`],
    ],
  });
  const ways = [
    way('direct', `${host.user}@127.0.0.1`, host.port, host.knownHosts),
    way('Weir, native', 'greta+bench-ssh@127.0.0.1', weir.sshPort, knownHosts),
  ];
  const bulk = await measureBulk(context, ways, { file, megabytes, rounds });
  const echo = await measureEcho(context, ways, context.quick ? 200 : 1_000, rounds);
  await weir.stop();
  await host.stop();
  return [bulk, echo];
}

async function measureBulk(
  context: BenchContext,
  ways: readonly Way[],
  { file, megabytes, rounds }: { file: string; megabytes: number; rounds: number },
): Promise<Section> {
  const kinds = [
    { what: 'nothing', run: (way: Way) => timed('ssh', [...way.options, way.to, 'true']) },
    { what: 'a command', run: (way: Way) => timed('ssh', [...way.options, way.to, `cat ${file}`]) },
    {
      what: 'sftp get',
      run: (way: Way) =>
        timed('sftp', ['-b', '-', ...way.options, way.to], `get ${file} ${join(context.scratch, 'got')}\n`),
    },
  ];
  const cases = kinds.flatMap(({ what, run }) => ways.map((way) => ({ what, run, way, samples: [] as number[] })));
  for (const { what, run, way } of cases) {
    context.progress(`ssh: warm-up, ${way.route}, ${what}`);
    await run(way);
  }
  for (let round = 1; round <= rounds; round++) {
    for (const one of cases) {
      context.progress(`ssh: round ${round}/${rounds}: ${one.way.route}, ${one.what}`);
      one.samples.push(await one.run(one.way));
    }
  }
  const rows = cases.map(({ what, way, samples }): Row => {
    const seconds = median(samples);
    const direct = median(cases.find((one) => one.what === what && one.way.route === 'direct')?.samples ?? []);
    const isBulk = what !== 'nothing';
    return {
      ...{ route: way.route, what, seconds },
      rate: isBulk ? megabytes / seconds : null,
      ratio: way.route === 'direct' || !isBulk ? null : direct / seconds,
    };
  });
  return {
    name: 'ssh',
    title: 'SSH: bulk',
    notes: [
      `OpenSSH's client and the machine's sshd, ${megabytes} MB of random bytes, from the start of the client to its end, sign-in included; ${rounds} interleaved rounds after a warm-up, medians. Output goes to /dev/null, sftp writes a file.`,
      'Through Weir the session is opened by a registered key, guardrails are in force, everything is counted and hashed and the first part of the output is recorded. `nothing` is the command `true`: the cost of a connection.',
    ],
    columns: [
      { key: 'route', title: 'route' },
      { key: 'what', title: 'what' },
      { key: 'seconds', title: 's', digits: 2 },
      { key: 'rate', title: 'MB/s', digits: 0 },
      { key: 'ratio', title: 'of direct', digits: 2 },
    ],
    rows,
  };
}

/** Seconds that a program takes. @throws unless it ends with status 0. */
async function timed(program: string, args: readonly string[], input?: string): Promise<number> {
  const began = performance.now();
  const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'inherit'] });
  child.stdin?.end(input);
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  return (performance.now() - began) / 1000;
}

async function measureEcho(
  context: BenchContext,
  ways: readonly Way[],
  keys: number,
  rounds: number,
): Promise<Section> {
  const terminals = await Promise.all(ways.map(openTerminal));
  const samples = ways.map((): number[] => []);
  for (const terminal of terminals) for (let key = 0; key < warmUpKeys; key++) await terminal.press();
  for (let round = 1; round <= rounds; round++) {
    context.progress(`ssh: keys, round ${round}/${rounds}`);
    for (const [at, terminal] of terminals.entries())
      for (let key = 0; key < keys / rounds; key++) samples[at]?.push(await terminal.press());
  }
  for (const terminal of terminals) terminal.close();
  const direct = median(samples[0] ?? []);
  return {
    name: 'ssh-echo',
    title: 'SSH: the echo of a key',
    notes: [
      `A terminal in which one key is pressed and its echo awaited before the next, ${keys} times in ${rounds} interleaved rounds. Through Weir each echo is on disk in the recording before the client gets it.`,
    ],
    columns: [
      { key: 'route', title: 'route' },
      { key: 'p50', title: 'p50 ms', digits: 2 },
      { key: 'p99', title: 'p99 ms', digits: 2 },
      { key: 'addedMs', title: 'added p50 ms', digits: 2 },
    ],
    rows: ways.map(({ route }, at): Row => {
      const p50 = median(samples[at] ?? []);
      return { route, p50, p99: percentile(samples[at] ?? [], 0.99), addedMs: at === 0 ? null : p50 - direct };
    }),
  };
}

/** A terminal that echoes keys. */
async function openTerminal({ options, to }: Way): Promise<{ press(): Promise<number>; close(): void }> {
  const child: ChildProcess = spawn('ssh', [...options, '-tt', to, 'stty raw -echo; echo ready; exec cat']);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('ssh has no pipes');
  let said = '';
  let isOver = false;
  let wake = (): void => undefined;
  child.once('close', () => {
    isOver = true;
    wake();
  });
  stdout.on('data', (data: Buffer) => {
    said += data.toString('latin1');
    wake();
  });
  const until = async (isThere: () => boolean) => {
    while (!isThere()) {
      if (isOver) throw new Error('ssh ended before its time');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await until(() => said.includes('ready'));
  return {
    async press() {
      said = '';
      const began = performance.now();
      stdin.write('x');
      await until(() => said.includes('x'));
      return performance.now() - began;
    },
    close: () => child.kill(),
  };
}
