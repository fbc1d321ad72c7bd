import type { Catalog } from '@weir/sql';
import { describe, expect, test } from 'vitest';
import { createCatalogStore } from '../src/catalog-store.ts';

const catalogOf = (version: string): Catalog => ({
  ...{ version, serverVersion: 180_004, database: 'shop', relations: [], functions: [], operators: [], types: [] },
});

/** A source whose answers the test releases. */
function createWorld() {
  const world = {
    nowMs: 0,
    version: 'v1',
    fingerprints: 0,
    loads: 0,
    loaded: [] as string[],
    failure: undefined as Error | undefined,
    closed: 0,
    hold: undefined as Promise<void> | undefined,
  };
  const store = createCatalogStore({
    source: {
      async fingerprint() {
        world.fingerprints += 1;
        const seen = world.version;
        await world.hold;
        if (world.failure) throw world.failure;
        return seen;
      },
      async load() {
        world.loads += 1;
        return catalogOf(world.version);
      },
      close: () => void world.closed++,
    },
    maxAgeMs: 2_000,
    now: () => world.nowMs,
    onLoaded: (catalog) => void world.loaded.push(catalog.version),
  });
  return { world, store };
}

test('nothing is asked and nothing is fresh before the first confirm', () => {
  const { world, store } = createWorld();
  expect(store.fresh()).toBeUndefined();
  expect(world.fingerprints).toBe(0);
});

test('callers share one round trip', async () => {
  const { world, store } = createWorld();
  const all = await Promise.all([store.confirm(), store.confirm(), store.confirm()]);
  expect(new Set(all).size).toBe(1);
  expect([world.fingerprints, world.loads]).toEqual([1, 1]);
  expect(world.loaded).toEqual(['v1']);
});

test('a confirmation holds for its time and not longer', async () => {
  const { world, store } = createWorld();
  const index = await store.confirm();
  world.nowMs = 1_999;
  expect(store.fresh()).toBe(index);
  world.nowMs = 2_000;
  expect(store.fresh()).toBeUndefined();
});

test('the time counts from the question, not from the answer', async () => {
  const { world, store } = createWorld();
  let release: () => void = () => undefined;
  world.hold = new Promise((resolve) => {
    release = resolve;
  });
  const confirmed = store.confirm();
  world.nowMs = 1_500;
  release();
  await confirmed;
  world.nowMs = 2_000;
  expect(store.fresh()).toBeUndefined();
});

test('the same fingerprint loads nothing and keeps the index', async () => {
  const { world, store } = createWorld();
  const first = await store.confirm();
  world.nowMs = 5_000;
  expect(await store.confirm()).toBe(first);
  expect([world.fingerprints, world.loads]).toEqual([2, 1]);
});

test('another fingerprint loads; the new catalog is announced before anybody has it', async () => {
  const { world, store } = createWorld();
  await store.confirm();
  world.version = 'v2';
  store.invalidate();
  expect(store.fresh()).toBeUndefined();
  const index = await store.confirm();
  expect(index.catalog.version).toBe('v2');
  expect(world.loaded).toEqual(['v1', 'v2']);
});

describe('what changes while a question is under way', () => {
  test('is not covered by its answer', async () => {
    const { world, store } = createWorld();
    let release: () => void = () => undefined;
    world.hold = new Promise((resolve) => {
      release = resolve;
    });
    const early = store.confirm();
    store.invalidate();
    const late = store.confirm();
    world.hold = undefined;
    world.version = 'v2';
    release();
    await early;
    await late;
    expect(world.fingerprints).toBe(2);
    world.version = 'v3';
    store.invalidate();
    expect((await store.confirm()).catalog.version).toBe('v3');
  });

  test('a late old answer does not make the store fresh', async () => {
    const { world, store } = createWorld();
    let release: () => void = () => undefined;
    world.hold = new Promise((resolve) => {
      release = resolve;
    });
    const early = store.confirm();
    store.invalidate();
    release();
    await early;
    expect(store.fresh()).toBeUndefined();
  });
});

test('a failure reaches all who wait, and the next one asks again', async () => {
  const { world, store } = createWorld();
  world.failure = new Error('no answer');
  const both = [store.confirm(), store.confirm()];
  for (const one of both) await expect(one).rejects.toThrow('no answer');
  world.failure = undefined;
  expect((await store.confirm()).catalog.version).toBe('v1');
  expect(world.fingerprints).toBe(2);
});

test('close closes the source', () => {
  const { world, store } = createWorld();
  store.close();
  expect(world.closed).toBe(1);
});
