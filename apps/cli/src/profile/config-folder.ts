import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Cli } from '../cli.ts';

/** The CLI's own folder: WEIR_HOME, else `weir` in XDG_CONFIG_HOME (XDG Base Directory Specification), else in ~/.config. */
export function configFolder(env: Cli['env']): string {
  if (env['WEIR_HOME']) return env['WEIR_HOME'];
  const xdg = env['XDG_CONFIG_HOME'];
  // The specification says: a relative path is to be ignored.
  if (xdg?.startsWith('/')) return join(xdg, 'weir');
  return join(env['HOME'] || homedir(), '.config', 'weir');
}
