import { describe, expect, test } from 'vitest';
import { catalogOf, createTestGate, denialOf, relation, users } from './fixture.ts';

describe('a column or function that nobody knows', () => {
  test.each([
    ['SELECT slect FROM users', '42703', 'column "slect" does not exist'],
    ['SELECT x.id FROM users u', '42703', 'column x.id does not exist'],
    ['UPDATE users SET note = slect WHERE id = 1', '42703', 'column "slect" does not exist'],
    ['SELECT public.nofun(1)', '42883', 'function public.nofun() does not exist'],
  ])('%s is asked for once more and then fails with %s', async (text, sqlstate, message) => {
    const world = createTestGate();
    expect(denialOf(await world.query(text))).toMatchObject({ sqlstate, message });
    expect(world.target.calls).toEqual(['refresh stale', 'refresh unknown-relation']);
    expect(world.events).toMatchObject([{ action: 'deny' }]);
  });

  test('is found when somebody has just made it', async () => {
    const world = createTestGate();
    await world.query('SELECT 1');
    world.target.catalog = catalogOf(users, relation(30_000, 'orders', 'id:int fresh'));
    expect((await world.query('SELECT fresh FROM orders')).action).toBe('forward');
  });

  test('a function of a user is known: its effect is what cannot be known', async () => {
    const world = createTestGate();
    const fn = { oid: 31_000, schema: 'public', name: 'known', language: 'sql', body: null, volatility: 'v' };
    world.target.catalog = { ...catalogOf(users), version: 'with function', functions: [fn] };
    expect(denialOf(await world.query('SELECT public.known(1)'))).toMatchObject({ sqlstate: '42501' });
  });
});
