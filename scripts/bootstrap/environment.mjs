import { delimiter, join } from 'node:path';

/** Settings of npm that a user may have given by environment and that installing needs: where packages come from, and how to get there. */
const kept =
  /^(npm|pnpm)_config_(registry|.*:registry|.*:_auth(token)?|_auth(token)?|proxy|https?[-_]proxy|no_?proxy|ca|cafile|strict[-_]ssl|cert|key|userconfig|globalconfig|cache|fetch[-_].*)$/i;

/**
 * The environment without what npm adds for its scripts: its settings would be taken for the user's by the npm and pnpm that run inside.
 * Registry, proxy, CA and files of settings stay, and are given to pnpm under its own prefix, too.
 */
export function cleanEnvironment(env) {
  const clean = {};
  for (const [name, value] of Object.entries(env)) {
    if (/^(npm|pnpm)_/i.test(name) && !kept.test(name)) continue;
    if (name === 'INIT_CWD' || value === '') continue;
    clean[name] = value;
  }
  for (const name of ['registry', 'cafile', 'strict_ssl']) {
    const value = clean[`npm_config_${name}`];
    if (value !== undefined) clean[`pnpm_config_${name}`] ??= value;
  }
  return clean;
}

/** Where things of the bootstrap are; all inside the checkout. `tools` is ignored by Git and untouched by pnpm. */
export function checkoutLayout(root) {
  const tools = join(root, 'scripts', 'node_modules');
  return {
    root,
    tools,
    pnpm: join(tools, '.bin', 'pnpm'),
    node: join(root, 'node_modules', 'node', 'bin', 'node'),
    stamps: join(tools, '.stamps.json'),
    state: join(root, '.weir'),
  };
}

/** The environment of the build's tools: pnpm and Node 24 first on PATH, caches inside the checkout, no telemetry. */
export function toolEnvironment(layout, env) {
  const path = [join(layout.tools, '.bin'), join(layout.root, 'node_modules', '.bin'), env.PATH ?? ''];
  const home = join(layout.tools, '.home');
  return {
    ...env,
    PATH: path.join(delimiter),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_STATE_HOME: join(home, 'state'),
    XDG_DATA_HOME: join(home, 'data'),
    CI: '1',
    // This pnpm is the one that package.json names: it need not fetch and lock itself once more.
    pnpm_config_pm_on_fail: 'ignore',
    NO_UPDATE_NOTIFIER: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    DO_NOT_TRACK: '1',
  };
}
