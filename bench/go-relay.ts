import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCommand, runCommand } from '@weir/testkit';
import type { BenchContext, Relay } from './bench-context.ts';
import { startProcess } from './child.ts';

const source = fileURLToPath(new URL('programs/go-relay', import.meta.url));

/**
 * Builds and starts programs/go-relay: a process that listens, and one that dials the target, with gRPC over TLS between them. The first build takes
 * the modules from the Go proxy and a minute or two. @returns undefined without a Go that can build it.
 */
export async function startGoRelay(context: BenchContext): Promise<Relay | undefined> {
  if (!hasCommand('go')) {
    context.progress('go is not installed: the Go relay is left out');
    return undefined;
  }
  context.progress('the Go relay is built');
  const program = join(context.scratch, 'go-relay');
  const built = await runCommand('go', ['build', '-o', program, '.'], { cwd: source, timeoutMs: 600_000 });
  if (built.status !== 0) {
    context.progress(`the Go relay cannot be built, it is left out: ${built.stderr.trim().split('\n').at(-1)}`);
    return undefined;
  }
  const certificate = join(context.scratch, 'go-relay.pem');
  const start = (...args: readonly string[]) => {
    const child = startProcess(program, args, { log: join(context.scratch, 'go-relay.log') });
    context.cleanUp.add('go-relay', () => child.stop());
    return child;
  };
  const far = start('far', `${context.target.host}:${context.target.port}`, certificate);
  const near = start('near', `127.0.0.1:${await far.firstLine}`, certificate);
  return { port: Number(await near.firstLine), pids: [near.pid, far.pid] };
}
