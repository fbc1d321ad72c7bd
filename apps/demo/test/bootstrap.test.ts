import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverHomePath } from '@weir/embedded-postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** The bootstrap is plain JavaScript that knows no package, so its parts are loaded by path. */
interface BootstrapParts {
  cleanEnvironment(env: Record<string, string>): Record<string, string>;
  laneSummary(text: string): string;
  serverHomePath(stateDir: string, uid: number): string;
  resetState(stateDir: string, uid: number): Promise<string>;
  installHash(root: string): string;
  buildHash(root: string): string;
  unbuiltFolders(root: string): string[];
  readStamps(file: string): Record<string, string>;
  writeStamp(file: string, stamp: Record<string, string>): void;
}
const checkout = fileURLToPath(new URL('../../..', import.meta.url));
const load = async (name: string): Promise<object> => import(join(checkout, 'scripts', 'bootstrap', `${name}.mjs`));
const names = ['environment', 'lanes', 'reset', 'stamps'];
const parts = Object.assign({}, ...(await Promise.all(names.map(load)))) as BootstrapParts;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'weir boot-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the environment of the bootstrap', () => {
  it.each([
    ['npm_config_prefix', undefined],
    ['npm_config_global', undefined],
    ['npm_config_user_agent', undefined],
    ['npm_lifecycle_event', undefined],
    ['npm_package_name', undefined],
    ['INIT_CWD', undefined],
    ['npm_config_registry', 'kept'],
    ['NPM_CONFIG_REGISTRY', 'kept'],
    ['npm_config_cafile', 'kept'],
    ['npm_config_https_proxy', 'kept'],
    ['npm_config_userconfig', 'kept'],
    ['npm_config_@scope:registry', 'kept'],
    ['npm_config_//host/:_authToken', 'kept'],
    ['HTTPS_PROXY', 'kept'],
    ['NODE_EXTRA_CA_CERTS', 'kept'],
    ['PATH', 'kept'],
  ])('%s: %s', (name, expected) => {
    expect(parts.cleanEnvironment({ [name]: 'kept' })[name]).toBe(expected);
  });

  it("gives npm's registry and CA to pnpm, unless pnpm has its own", () => {
    expect(parts.cleanEnvironment({ npm_config_registry: 'a', npm_config_cafile: 'b' })).toMatchObject({
      pnpm_config_registry: 'a',
      pnpm_config_cafile: 'b',
    });
    expect(parts.cleanEnvironment({ npm_config_registry: 'a', pnpm_config_registry: 'own' })).toMatchObject({
      pnpm_config_registry: 'own',
    });
  });
});

describe('the closing lines', () => {
  it('name each lane once', () => {
    expect(
      parts.laneSummary('psql\tpsql is not on PATH\npostgresql-15\tnot installed\npsql\tpsql is not on PATH\n'),
    ).toBe(
      '\n2 lanes were left out (WEIR_REQUIRE_ALL=1 makes that a failure):\n  postgresql-15: not installed\n  psql: psql is not on PATH\n',
    );
    expect(parts.laneSummary('')).toBe('');
  });
});

describe('the stamps', () => {
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  beforeEach(() => {
    write('pnpm-lock.yaml', 'lock');
    write('package.json', '{}');
    write('packages/a/package.json', '{"scripts":{"build":"tsc"}}');
    write('packages/a/src/index.ts', 'one');
  });

  it.each([
    ['a source', 'packages/a/src/deep/new.ts', { install: false, build: true }],
    ['a test', 'packages/a/test/a.test.ts', { install: false, build: false }],
    ['the lock file', 'pnpm-lock.yaml', { install: true, build: true }],
    ['a manifest', 'packages/b/package.json', { install: true, build: true }],
    ['a page', 'docs/page.md', { install: false, build: false }],
  ])('see a change of %s', (_name, path, changes) => {
    const before = { install: parts.installHash(folder), build: parts.buildHash(folder) };
    write(path, '{"new":1}');
    expect(parts.installHash(folder) !== before.install).toBe(changes.install);
    expect(parts.buildHash(folder) !== before.build).toBe(changes.build);
  });

  it('see a package without a result', () => {
    expect(parts.unbuiltFolders(folder)).toEqual(['packages/a']);
    write('packages/a/dist/index.js', '');
    expect(parts.unbuiltFolders(folder)).toEqual([]);
  });

  it('are kept beside each other, and a damaged file counts as none', () => {
    const file = join(folder, 'deep', 'stamps.json');
    parts.writeStamp(file, { install: 'x' });
    parts.writeStamp(file, { build: 'y' });
    expect(parts.readStamps(file)).toEqual({ install: 'x', build: 'y' });
    writeFileSync(file, '{"install":');
    expect(parts.readStamps(file)).toEqual({});
  });
});

describe('the reset', () => {
  it.each([[0], [1000]])('knows where the servers of user %i are', (uid) => {
    expect(parts.serverHomePath(folder, uid)).toBe(serverHomePath(folder, uid, {}));
  });

  it('removes the state folder, and is content when there is none', async () => {
    const state = join(folder, '.weir');
    mkdirSync(join(state, 'logs'), { recursive: true });
    // A launcher that is gone, and one whose number another program has now.
    writeFileSync(join(state, 'launcher.lock'), JSON.stringify({ pid: process.ppid, identity: 'x' }));
    expect(await parts.resetState(state, 1000)).toBe(`removed ${state}`);
    expect(await parts.resetState(state, 1000)).toBe('there was nothing to remove');
  });
});

describe('the weir script', () => {
  it('runs the CLI of its checkout from any folder, through links, with arguments and exit status', () => {
    const root = join(folder, 'check out');
    mkdirSync(join(root, 'apps', 'cli', 'dist'), { recursive: true });
    mkdirSync(join(root, 'node_modules', 'node', 'bin'), { recursive: true });
    cpSync(join(checkout, 'weir'), join(root, 'weir'));
    symlinkSync(process.execPath, join(root, 'node_modules', 'node', 'bin', 'node'));
    symlinkSync('check out/weir', join(folder, 'linked'));
    expect(runScript(join(root, 'weir'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Run npm start first'),
    });
    const program =
      'process.stdout.write(JSON.stringify([process.argv.slice(2), process.env.WEIR_CHECKOUT])); process.exit(5)';
    writeFileSync(join(root, 'apps', 'cli', 'dist', 'main.js'), program);
    const args = ['exec', 'demo-pg', 'SELECT "a b"; $HOME'];
    expect(runScript(join(folder, 'linked'), args)).toMatchObject({ status: 5, stdout: JSON.stringify([args, root]) });
  });

  function runScript(path: string, args: string[] = []): unknown {
    chmodSync(path, 0o755);
    try {
      return { status: 0, stdout: execFileSync(path, args, { encoding: 'utf8', cwd: '/', stdio: 'pipe' }) };
    } catch (error) {
      return error;
    }
  }
});
