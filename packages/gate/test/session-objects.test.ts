import { describe, expect, test } from 'vitest';
import {
  createTestGate,
  denialOf,
  fieldOf,
  finish,
  hideEmail,
  masked,
  open,
  type TestGate,
  ticketOf,
} from './fixture.ts';

const policy = open + hideEmail;

async function run(world: TestGate, text: string, tag: string | null = 'OK') {
  const decision = await world.query(text);
  finish(world, decision, tag);
  return decision;
}

/** Does a one-column answer of this text leave masked? */
async function isMasked(world: TestGate, text: string, field = fieldOf('upper')): Promise<boolean> {
  const ticket = ticketOf(await world.query(text));
  const masks = world.gate.describe(ticket, 0, [field]);
  finish(world, { action: 'forward', ticket, describe: false, maxRows: null, maxAffected: null, meters: null });
  return masked(masks?.[0] ?? null, 'EVE@EXAMPLE.COM') !== 'EVE@EXAMPLE.COM';
}

describe('PREPARE and EXECUTE', () => {
  test('EXECUTE is masked as what was prepared', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(email) FROM users', 'PREPARE');
    await run(world, 'PREPARE q AS SELECT upper(name) FROM users', 'PREPARE');
    expect(await isMasked(world, 'EXECUTE p')).toBe(true);
    expect(await isMasked(world, 'EXECUTE q')).toBe(false);
  });

  test('before the PREPARE has been answered EXECUTE is refused', async () => {
    const world = createTestGate({ policy });
    const made = await world.query('PREPARE p AS SELECT upper(email) FROM users');
    expect(denialOf(await world.query('EXECUTE p')).message).toContain('still being made');
    finish(world, made, 'PREPARE');
    expect((await world.query('EXECUTE p')).action).toBe('forward');
  });

  test('what was prepared under another search_path or catalog is not known: the server plans it anew', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(name) FROM users', 'PREPARE');
    world.target.searchPath = ['pg_catalog', 'other'];
    world.target.forget();
    expect(denialOf(await world.query('EXECUTE p')).message).toContain('not known');
    await run(world, 'DEALLOCATE p', 'DEALLOCATE');
    await run(world, 'PREPARE p AS SELECT upper(name) FROM public.users', 'PREPARE');
    expect(await isMasked(world, 'EXECUTE p')).toBe(false);
  });

  test('a PREPARE that failed made nothing', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(name) FROM users', 'PREPARE');
    await run(world, 'PREPARE p AS SELECT upper(email) FROM users', null);
    expect(await isMasked(world, 'EXECUTE p')).toBe(false);
  });

  test('a DEALLOCATE that failed removed nothing, one that succeeded did', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(email) FROM users', 'PREPARE');
    await run(world, 'DEALLOCATE p', null);
    expect(await isMasked(world, 'EXECUTE p')).toBe(true);
    await run(world, 'DEALLOCATE p', 'DEALLOCATE');
    denialOf(await world.query('EXECUTE p'));
  });

  test.each(['DEALLOCATE ALL', 'DISCARD ALL'])('%s removes all', async (text) => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT id FROM users', 'PREPARE');
    await run(world, text);
    denialOf(await world.query('EXECUTE p'));
  });

  test('a name that nobody prepared is refused', async () => {
    denialOf(await createTestGate({ policy }).query('EXECUTE p'));
  });

  test('of a text whose statements did not all run only those count that did', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(name) FROM users', 'PREPARE');
    const text = 'DEALLOCATE p; PREPARE p AS SELECT upper(email) FROM users';
    const decision = await world.query(text);
    finish(world, decision, 'DEALLOCATE', 0);
    denialOf(await world.query('EXECUTE p'));
  });
});

describe('statements of a text that never ran', () => {
  test('leave nothing open', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(name) FROM users', 'PREPARE');
    // The first statement failed: the server skips the others, and says nothing about them.
    finish(world, await world.query('SELECT 1/0; PREPARE q AS SELECT 1; PREPARE r AS SELECT 2'), null, 0);
    expect(await isMasked(world, 'EXECUTE p')).toBe(false);
    denialOf(await world.query('EXECUTE q'));
  });

  test('count when they ran after all, behind a COPY that was withheld', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(name) FROM users', 'PREPARE');
    const text = 'COPY users TO STDOUT; DEALLOCATE p; PREPARE p AS SELECT upper(email) FROM users';
    const decision = await world.query(text);
    finish(world, decision, null, 0);
    denialOf(await world.query('EXECUTE p'));
    finish(world, decision, 'DEALLOCATE', 1);
    finish(world, decision, 'PREPARE', 2);
    expect(await isMasked(world, 'EXECUTE p')).toBe(true);
  });
});

describe('names that the protocol takes', () => {
  test('a statement that Parse named is not what PREPARE once made', async () => {
    const world = createTestGate({ policy });
    await run(world, 'PREPARE p AS SELECT upper(name) FROM users', 'PREPARE');
    world.gate.named('statement', 'p');
    denialOf(await world.query('EXECUTE p'));
  });

  test('a portal that Bind named is not what DECLARE once made', async () => {
    const world = createTestGate({ policy });
    await run(world, 'DECLARE c CURSOR WITH HOLD FOR SELECT upper(name) FROM users', 'DECLARE CURSOR');
    world.gate.named('statement', 'c');
    expect(await isMasked(world, 'FETCH c')).toBe(false);
    world.gate.named('portal', 'c');
    denialOf(await world.query('FETCH c'));
  });

  test('a name that was taken while PREPARE was under way means nothing until it is made again', async () => {
    const world = createTestGate({ policy });
    const made = await world.query('PREPARE p AS SELECT upper(name) FROM users');
    world.gate.named('statement', 'p');
    finish(world, made, 'PREPARE');
    denialOf(await world.query('EXECUTE p'));
    await run(world, 'DEALLOCATE p', 'DEALLOCATE');
    await run(world, 'PREPARE p AS SELECT upper(email) FROM users', 'PREPARE');
    expect(await isMasked(world, 'EXECUTE p')).toBe(true);
  });
});

describe('cursors', () => {
  test('FETCH is masked as what was declared', async () => {
    const world = createTestGate({ policy });
    await run(world, 'BEGIN');
    await run(world, 'DECLARE c CURSOR FOR SELECT upper(email) FROM users', 'DECLARE CURSOR');
    expect(await isMasked(world, 'FETCH ALL FROM c')).toBe(true);
    await run(world, 'CLOSE c', 'CLOSE CURSOR');
    denialOf(await world.query('FETCH ALL FROM c'));
  });

  test('before the DECLARE has been answered FETCH is refused', async () => {
    const world = createTestGate({ policy });
    await world.query('DECLARE c CURSOR FOR SELECT upper(email) FROM users');
    denialOf(await world.query('FETCH ALL FROM c'));
  });

  test.each(['COMMIT', 'ROLLBACK'])('end with %s, but for those WITH HOLD', async (end) => {
    const world = createTestGate({ policy });
    await run(world, 'DECLARE held CURSOR WITH HOLD FOR SELECT upper(email) FROM users', 'DECLARE CURSOR');
    await run(world, 'DECLARE c CURSOR FOR SELECT upper(name) FROM users', 'DECLARE CURSOR');
    await run(world, 'SAVEPOINT s');
    await run(world, 'ROLLBACK TO SAVEPOINT s', 'ROLLBACK');
    expect(await isMasked(world, 'FETCH c')).toBe(false);
    await run(world, end, end);
    denialOf(await world.query('FETCH c'));
    expect(await isMasked(world, 'FETCH held')).toBe(true);
  });

  test('a prepared FETCH is understood anew at each execution', async () => {
    const world = createTestGate({ policy });
    await run(world, 'DECLARE c CURSOR FOR SELECT upper(name) FROM users', 'DECLARE CURSOR');
    const prepared = ticketOf(await world.query('FETCH ALL FROM c', { phase: 'parse' }));
    await run(world, 'CLOSE c', 'CLOSE CURSOR');
    await run(world, 'DECLARE c CURSOR FOR SELECT upper(email) FROM users', 'DECLARE CURSOR');
    const ticket = ticketOf(await world.query('FETCH ALL FROM c', { phase: 'execute', prepared }));
    expect(masked(world.gate.describe(ticket, 0, [fieldOf('upper')])?.[0] ?? null, 'EVE')).not.toBe('EVE');
  });
});
