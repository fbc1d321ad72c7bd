import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  findServerBinaries,
  parsePasswd,
  serverAccount,
  serverHomePath,
  tryPostmasterFile,
} from '@weir/embedded-postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPlace } from './fixture-process.ts';

describe('the home of the servers', () => {
  let place: ReturnType<typeof createPlace>;
  beforeEach(() => {
    place = createPlace();
  });
  afterEach(() => place.remove());

  it('is inside the state folder for an ordinary user', () => {
    expect(serverHomePath(place.stateDir, 1000, {})).toBe(join(place.stateDir, 'postgres'));
  });

  it('is one folder below /var/lib for root, the same by every path to the state folder', () => {
    const link = join(place.stateDir, 'link');
    symlinkSync(place.stateDir, link);
    const home = serverHomePath(place.stateDir, 0, {});
    expect(home).toMatch(/^\/var\/lib\/weir-[0-9a-f]{12}$/);
    expect(serverHomePath(link, 0, {})).toBe(home);
  });

  it('is what WEIR_SERVER_HOME says', () => {
    expect(serverHomePath(place.stateDir, 0, { WEIR_SERVER_HOME: '/srv/weir' })).toBe('/srv/weir');
  });
});

describe('the account of the servers', () => {
  it('is our own unless we are root', () => {
    expect(serverAccount(1000)).toBeUndefined();
  });

  it('reads the entries of passwd and leaves the rest out', () => {
    const text = 'root:x:0:0:root:/root:/bin/sh\n\n# a comment\n+::::::\nnobody:x:65534:65533:n:/:/bin/false\n';
    expect(parsePasswd(text)).toEqual([
      { name: 'root', uid: 0, gid: 0 },
      { name: 'nobody', uid: 65534, gid: 65533 },
    ]);
  });
});

describe("npm's PostgreSQL", () => {
  it('is found for this platform', () => {
    expect(findServerBinaries().version).toMatch(/^18\./);
  });

  it('is an error with a fix where there is none', () => {
    expect(() => findServerBinaries('aix', 'ppc64')).toThrow('There is no embedded PostgreSQL for aix-ppc64.');
  });
});

describe('postmaster.pid', () => {
  const complete = '4711\n/data\n1700000000\n5432\n\n127.0.0.1\n 123 0\nready   \n';
  it.each([
    ['of a ready server', complete, { pid: 4711, dataDir: '/data', port: 5432, isReady: true }],
    ['of a starting server', complete.replace('ready   ', 'starting'), { pid: 4711, port: 5432, isReady: false }],
    ['half written', '4711\n/data\n17', { pid: 4711, isReady: false }],
    ['of a standalone backend', '-4711\n/data\n', undefined],
    ['empty', '', undefined],
    ['one line', '4711', undefined],
  ])('%s', (_name, text, expected) => {
    const file = tryPostmasterFile(text);
    if (expected) expect(file).toMatchObject(expected);
    else expect(file).toBeUndefined();
  });
});
