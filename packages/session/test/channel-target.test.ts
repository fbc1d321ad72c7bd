import { type CatalogIndex, createCatalogIndex } from '@weir/gate';
import type { Catalog } from '@weir/sql';
import { describe, expect, test } from 'vitest';
import { createChannelTarget } from '../src/postgres/channel-target.ts';

const catalogOf = (version: string, schema = 'public'): Catalog => ({
  ...{ version, serverVersion: 180_004, database: 'shop', functions: [], operators: [], types: [] },
  relations: [{ oid: 1, schema, name: 't', kind: 'r', columns: [], definition: null, parents: [] }],
});

/** A connection whose real state is in `world`; what was asked is in `asked`. */
function createWorld() {
  const world = {
    ...{
      path: '["pg_catalog","public"]',
      role: 'app',
      status: 'I' as 'I' | 'T' | 'E',
      implicit: null as number | null,
    },
    ...{ isQuiet: true, shared: createCatalogIndex(catalogOf('v1')), own: catalogOf('own-1'), isFresh: true },
    asked: [] as string[],
  };
  const target = createChannelTarget({
    store: {
      fresh: () => (world.isFresh ? world.shared : undefined),
      async confirm(): Promise<CatalogIndex> {
        world.asked.push('confirm');
        world.isFresh = true;
        return world.shared;
      },
      async isCurrent(known) {
        world.asked.push('stamps');
        return known === world.shared;
      },
      indexOf: createCatalogIndex,
      invalidate() {
        world.isFresh = false;
      },
      close: () => undefined,
    },
    async query() {
      world.asked.push('environment');
      return [[world.path, world.role]];
    },
    async loadOwn() {
      world.asked.push('own');
      return world.own;
    },
    onLoaded: () => undefined,
    status: () => world.status,
    isQuiet: () => world.isQuiet,
    implicitTransaction: () => world.implicit,
  });
  const asked = () => world.asked.splice(0);
  return { world, target, asked };
}

test('the first statement asks; later ones find the same view while nothing happens', async () => {
  const { target, asked } = createWorld();
  expect([target.current(), target.last()]).toEqual([null, null]);
  const view = await target.refresh('stale');
  expect(view).toMatchObject({ role: 'app', searchPath: ['pg_catalog', 'public'] });
  expect(target.current()).toBe(view);
  expect(asked()).toEqual(['environment']);
});

test('an equal answer is the same view', async () => {
  const { target } = createWorld();
  const view = await target.refresh('stale');
  target.touched('environment');
  expect(target.current()).toBeNull();
  expect(await target.refresh('stale')).toBe(view);
});

test.each([
  ['path', '["hr"]'],
  ['role', 'owner'],
] as const)('another %s is another view', async (what, value) => {
  const { world, target } = createWorld();
  const view = await target.refresh('stale');
  target.touched('environment');
  world[what] = value;
  expect(await target.refresh('stale')).not.toBe(view);
});

test('a confirmation that is too old is made again', async () => {
  const { world, target, asked } = createWorld();
  await target.refresh('stale');
  asked();
  world.isFresh = false;
  expect(target.current()).toBeNull();
  await target.refresh('stale');
  expect(asked()).toEqual(['confirm']);
});

test('a catalog that somebody else changed is seen', async () => {
  const { world, target } = createWorld();
  await target.refresh('stale');
  world.shared = createCatalogIndex(catalogOf('v2'));
  expect(target.current()).toBeNull();
  expect((await target.refresh('stale')).index.catalog.version).toBe('v2');
});

describe('changes of this connection', () => {
  test('in a transaction are read through it until the end', async () => {
    const { world, target, asked } = createWorld();
    await target.refresh('stale');
    world.status = 'T';
    target.touched('catalog');
    expect((await target.refresh('stale')).index.catalog.version).toBe('own-1');
    expect(target.current()?.index.catalog.version).toBe('own-1');
    target.transactionEnded();
    world.status = 'I';
    world.shared = createCatalogIndex(catalogOf('v2'));
    asked();
    expect((await target.refresh('stale')).index.catalog.version).toBe('v2');
    // All is committed: one look at the shared catalog shows it.
    expect(asked()).toEqual(['environment', 'confirm']);
  });

  test('are read again when somebody else changed something, too', async () => {
    const { world, target } = createWorld();
    await target.refresh('stale');
    world.status = 'T';
    target.touched('catalog');
    await target.refresh('stale');
    world.shared = createCatalogIndex(catalogOf('v2'));
    world.own = catalogOf('own-2');
    expect(target.current()).toBeNull();
    expect((await target.refresh('stale')).index.catalog.version).toBe('own-2');
  });

  test('temporary objects keep the own catalog', async () => {
    const { world, target } = createWorld();
    await target.refresh('stale');
    world.own = catalogOf('own-1', 'pg_temp_3');
    world.path = '["pg_temp_3", "pg_catalog", "public"]';
    target.touched('catalog');
    expect((await target.refresh('stale')).index.catalog.version).toBe('own-1');
    expect(target.current()?.index.catalog.version).toBe('own-1');
  });

  test('committed at once are the shared catalog’s', async () => {
    const { target } = createWorld();
    await target.refresh('stale');
    target.touched('catalog');
    expect((await target.refresh('stale')).index.catalog.version).toBe('v1');
  });
});

describe('BEGIN and the ends of transactions', () => {
  test('a transaction that changed nothing leaves the view', async () => {
    const { target } = createWorld();
    const view = await target.refresh('stale');
    target.transactionBegan();
    target.transactionEnded();
    expect(target.current()).toBe(view);
  });

  test('one that changed something makes it stale', async () => {
    const { target } = createWorld();
    await target.refresh('stale');
    target.touched('environment');
    await target.refresh('stale');
    target.transactionEnded();
    expect(target.current()).toBeNull();
  });
});

describe('pipelines', () => {
  test('what was read inside after changes holds as long as the pipeline', async () => {
    const { world, target } = createWorld();
    await target.refresh('stale');
    world.implicit = 4;
    target.touched('catalog');
    world.path = '["hr"]';
    const inside = await target.refresh('stale');
    expect(inside).toMatchObject({ searchPath: ['hr'], index: { catalog: { version: 'own-1' } } });
    expect(target.current()).toBe(inside);
    for (const after of [null, 5]) {
      const { world: again, target: other } = createWorld();
      again.implicit = 4;
      other.touched('environment');
      await other.refresh('stale');
      again.implicit = after;
      expect(other.current()).toBeNull();
    }
    world.implicit = null;
    world.path = '["public"]';
    expect(await target.refresh('stale')).toMatchObject({
      searchPath: ['public'],
      index: { catalog: { version: 'v1' } },
    });
  });

  test('what was read inside without changes stays', async () => {
    const { world, target } = createWorld();
    const view = await target.refresh('stale');
    world.implicit = 4;
    world.isFresh = false;
    await target.refresh('stale');
    world.implicit = null;
    expect(target.current()).toBe(view);
  });
});

describe('failed transactions', () => {
  test('are not asked when nothing is outstanding', async () => {
    const { world, target, asked } = createWorld();
    const view = await target.refresh('stale');
    target.touched('environment');
    asked();
    world.status = 'E';
    expect(await target.refresh('stale')).toBe(view);
    expect(asked()).toEqual([]);
    expect(target.last()).toBe(view);
  });

  test('are asked when their end may be under way', async () => {
    const { world, target, asked } = createWorld();
    await target.refresh('stale');
    target.touched('environment');
    asked();
    Object.assign(world, { status: 'E', isQuiet: false, path: '["hr"]' });
    expect((await target.refresh('stale')).searchPath).toEqual(['hr']);
  });
});
