// npm start, npm test, npm run reset: needs Node 20 and npm, and nothing that is installed.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkoutLayout, cleanEnvironment, toolEnvironment } from './bootstrap/environment.mjs';
import { laneSummary } from './bootstrap/lanes.mjs';
import { resetState } from './bootstrap/reset.mjs';
import { createSteps, runInTerminal, runQuietly, StepFailed } from './bootstrap/run.mjs';
import { buildHash, installHash, readStamps, unbuiltFolders, writeStamp } from './bootstrap/stamps.mjs';

const layout = checkoutLayout(dirname(dirname(fileURLToPath(import.meta.url))));
const env = cleanEnvironment(process.env);
const tools = toolEnvironment(layout, env);
const networkFix = 'Check the network and the registry (npm config get registry), then run the command again.';

/** pnpm by npm, into the checkout; its version is the one of package.json. */
async function bringPnpm(show) {
  const wanted = JSON.parse(readFileSync(join(layout.root, 'package.json'), 'utf8')).packageManager;
  if (readStamps(layout.stamps).pnpm === wanted && existsSync(layout.pnpm))
    return `${wanted.replace('@', ' ')} is here`;
  const quiet = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  await runQuietly('npm', ['install', '--prefix', join(layout.root, 'scripts'), ...quiet, wanted.split('+')[0]], {
    cwd: join(layout.root, 'scripts'),
    env,
    show,
    failure: 'npm could not install pnpm',
    fix: networkFix,
  });
  writeStamp(layout.stamps, { pnpm: wanted });
  return undefined;
}

/** All packages, with Node 24 and PostgreSQL among them. A store that an earlier install chose is kept. */
async function installPackages(show) {
  const hash = installHash(layout.root);
  if (readStamps(layout.stamps).install === hash && existsSync(layout.node)) return 'nothing changed';
  const store = existsSync(join(layout.root, 'node_modules', '.modules.yaml'))
    ? []
    : [`--store-dir=${join(layout.tools, '.home', 'store')}`];
  await runQuietly(layout.pnpm, ['install', '--frozen-lockfile', '--prefer-offline', ...store], {
    cwd: layout.root,
    env: tools,
    show,
    failure: 'pnpm could not install the packages',
    fix: networkFix,
  });
  writeStamp(layout.stamps, { install: hash });
  return undefined;
}

async function build(show) {
  const hash = buildHash(layout.root);
  if (readStamps(layout.stamps).build === hash && unbuiltFolders(layout.root).length === 0) return 'nothing changed';
  await runQuietly(
    layout.node,
    [
      join(layout.root, 'node_modules', 'turbo', 'bin', 'turbo'),
      'run',
      'build',
      '--env-mode=loose',
      '--output-logs=errors-only',
    ],
    {
      cwd: layout.root,
      env: tools,
      show,
      failure: 'The build failed',
      fix: 'Correct the errors above.',
    },
  );
  writeStamp(layout.stamps, { build: hash });
  return undefined;
}

async function prepare(total) {
  const step = createSteps(total);
  await step('Getting pnpm', bringPnpm);
  await step('Installing packages', installPackages);
  await step('Building', build);
  return step;
}

async function start(args) {
  await prepare(4);
  process.stderr.write('[4/4] Starting\n');
  const launcher = join(layout.root, 'apps', 'demo', 'dist', 'main.js');
  const status = await runInTerminal(layout.node, [launcher, ...args], { cwd: layout.root, env });
  if (status > 128)
    process.stderr.write('\nThe launcher was killed; its processes are stopped. Start again: npm start\n');
  return status;
}

async function test(args) {
  await prepare(4);
  process.stderr.write('[4/4] Testing\n');
  const folder = mkdtempSync(join(tmpdir(), 'weir-lanes-'));
  const lanesFile = join(folder, 'lanes');
  try {
    const vitest = join(layout.root, 'node_modules', 'vitest', 'vitest.mjs');
    const status = await runInTerminal(layout.node, [vitest, 'run', ...args], {
      cwd: layout.root,
      env: { ...env, PATH: tools.PATH, WEIR_LANES_FILE: lanesFile },
    });
    if (existsSync(lanesFile)) process.stdout.write(laneSummary(readFileSync(lanesFile, 'utf8')));
    return status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function reset() {
  process.stderr.write(`Reset: ${await resetState(layout.state)}\n`);
  return 0;
}

const commands = { start, test, reset };

async function main() {
  const [name, ...args] = process.argv.slice(2);
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
  if (!command) throw new StepFailed('There is no such command', '', 'Use: npm start, npm test or npm run reset');
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new StepFailed(`Node ${process.versions.node} is too old`, '', 'Install Node 20 or newer.');
  }
  return command(args);
}

main().then(
  (status) => process.exit(status),
  (error) => {
    if (!(error instanceof StepFailed)) throw error;
    if (error.output) process.stderr.write(`\n${error.output.trimEnd()}\n`);
    process.stderr.write(`\nerror: ${error.message}.\n  fix: ${error.fix}\n`);
    process.exit(1);
  },
);
