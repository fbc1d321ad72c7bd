import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startNode } from './child.ts';
import type { CleanUp } from './clean-up.ts';
import type { BenchTarget } from './target.ts';
import { startWeir, type Weir, type WeirOptions } from './weir.ts';

/** What every measurement gets. */
export interface BenchContext {
  readonly quick: boolean;
  readonly target: BenchTarget;
  readonly cleanUp: CleanUp;
  /** Folder for logs, private to this run. */
  readonly scratch: string;
  readonly profileDir?: string | undefined;
  progress(text: string): void;
}

/** Something that stands between client and database and is not Weir. */
export interface Relay {
  readonly port: number;
  readonly pids: readonly number[];
}

/** Starts one of the bench's own programs (bench/programs). */
export function startProgram(context: BenchContext, name: string, args: readonly string[]): Child {
  const path = join(dirname(fileURLToPath(import.meta.url)), 'programs', `${name}.ts`);
  const child = startNode([path, ...args], { log: join(context.scratch, `${name}.log`) });
  context.cleanUp.add(name, () => child.stop());
  return child;
}

/** Starts a relay (tcp-hop, delaying-hop) to a port. */
export async function startHop(
  context: BenchContext,
  name: string,
  args: readonly string[],
): Promise<{ readonly port: number; readonly pid: number }> {
  const child = startProgram(context, name, args);
  return { port: Number(await child.firstLine), pid: child.pid };
}

/** Starts a Weir of its own for a measurement, in front of the target unless another is given. */
export function startWeirFor(context: BenchContext, options: Partial<WeirOptions> = {}): Promise<Weir> {
  return startWeir(context.cleanUp, { target: context.target, profileDir: context.profileDir, ...options });
}
