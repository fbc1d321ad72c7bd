import type { Catalog } from '@weir/sql';
import { describe, expect, test } from 'vitest';
import { createCatalogStore } from '../src/postgres/catalog-store.ts';

const catalogOf = (version: string, stamp = 'a'): Catalog => ({
  stamps: ['t', 'u', 'v'].map((name) => ['relation', name, 1, stamp] as const),
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
    stamp: 'a',
    fingerprint: undefined as string | undefined,
    asked: [] as string[],
    hold: undefined as Promise<void> | undefined,
  };
  const store = createCatalogStore({
    source: {
      async fingerprint() {
        world.fingerprints += 1;
        const seen = world.fingerprint ?? world.version;
        await world.hold;
        if (world.failure) throw world.failure;
        return seen;
      },
      async load() {
        world.loads += 1;
        return catalogOf(world.version, world.stamp);
      },
      async stamps(usage) {
        world.asked.push(usage.relations.join(' '));
        await world.hold;
        if (world.failure) throw world.failure;
        return usage.relations.map((name) => ['relation', name, 1, world.stamp] as const);
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

describe('whether what a statement uses is still what it was', () => {
  const usage = (...relations: string[]) => ({ relations, functions: [] });

  test('is so while the stamps are those of the load', async () => {
    const { world, store } = createWorld();
    const index = await store.confirm();
    expect(await store.isCurrent(index, usage('t'))).toBe(true);
    expect(world.asked).toEqual(['t']);
    expect(store.fresh()).toBe(index);
  });

  test('is not so after a change, and nothing is fresh then', async () => {
    const { world, store } = createWorld();
    const index = await store.confirm();
    world.stamp = 'b';
    world.version = 'v2';
    expect(await store.isCurrent(index, usage('t'))).toBe(false);
    expect(store.fresh()).toBeUndefined();
    const next = await store.confirm();
    expect(await store.isCurrent(index, usage('t'))).toBe(false);
    expect(await store.isCurrent(next, usage('t'))).toBe(true);
  });

  test('counts the stamps of the last load, also when that found the same content', async () => {
    const { world, store } = createWorld();
    const index = await store.confirm();
    world.stamp = 'b';
    expect(await store.isCurrent(index, usage('t'))).toBe(false);
    world.fingerprint = 'rewritten';
    await store.confirm();
    expect(await store.isCurrent(index, usage('t'))).toBe(true);
  });

  test('is asked again for whoever asks while a question is on its way, once for all of them', async () => {
    const { world, store } = createWorld();
    const index = await store.confirm();
    let release: () => void = () => undefined;
    world.hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = store.isCurrent(index, usage('t'));
    await Promise.resolve();
    await Promise.resolve();
    const answers = [first, store.isCurrent(index, usage('u')), store.isCurrent(index, usage('v', 'u'))];
    release();
    expect(await Promise.all(answers)).toEqual([true, true, true]);
    expect(world.asked).toEqual(['t', 'u v']);
  });

  test('is an error when the target cannot be asked', async () => {
    const { world, store } = createWorld();
    const index = await store.confirm();
    world.failure = new Error('gone');
    await expect(store.isCurrent(index, usage('t'))).rejects.toThrow('gone');
  });
});
