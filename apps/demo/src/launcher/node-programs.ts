import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';

/** The programs that the demo runs, and its policy, in a checkout. */
export interface NodePrograms {
  readonly gateway: string;
  readonly agent: string;
  readonly cli: string;
  readonly policy: string;
}

/**
 * Node's flags for gateway and agent: relayed results pass through the young generation, and a small one is collected too often under load
 * (measured: some 15 % of CPU time per statement).
 */
export const serverFlags: readonly string[] = ['--max-semi-space-size=32'];

/** Finds the built programs. Throws WeirError `internal` that names what is not there. */
export function findPrograms(checkout: string): NodePrograms {
  const programs: NodePrograms = {
    gateway: join(checkout, 'apps', 'gateway', 'dist', 'main.js'),
    agent: join(checkout, 'apps', 'agent', 'dist', 'main.js'),
    cli: join(checkout, 'apps', 'cli', 'dist', 'main.js'),
    policy: join(checkout, 'apps', 'demo', 'policy', 'shop.yaml'),
  };
  const missing = Object.values(programs).filter((path) => !existsSync(path));
  if (missing.length === 0) return programs;
  throw new WeirError('internal', 'Weir is not built completely.', {
    why: `There is no ${missing.join(', no ')}.`,
    fix: 'Build it: npm start',
  });
}

/** Environment of the programs: ours, without what npm adds for its scripts, and with the servers' home that they share. */
export function programEnvironment(serverHome: string): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  return { ...Object.fromEntries(inherited), WEIR_SERVER_HOME: serverHome };
}
