import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';

const kills = 100;

describe('kill -9 at any moment', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ customers: 50 });
  });
  afterAll(() => system?.stop());

  /** Statements with a number each, until the connection dies. @returns the numbers whose answers arrived. */
  const runUntilLost = async (dsn: string, first: number): Promise<number[]> => {
    const client = new pg.Client(driverOptions(system, dsn));
    const lost = new Promise<void>((resolve) => {
      // A driver may report one loss several times.
      client.on('error', () => resolve());
      client.once('end', () => resolve());
    });
    await client.connect();
    const seen: number[] = [];
    for (let number = first; ; number += 1) {
      const answer = await Promise.race([
        client.query(`select ${number} as n`).then(
          ({ rows }) => rows[0].n as number,
          () => null,
        ),
        lost.then(() => null),
      ]);
      if (answer === null) return seen;
      seen.push(answer);
    }
  };

  const recorded = async (id: string): Promise<Set<number>> => {
    const numbers = new Set<number>();
    for await (const { event } of (await system.as('admin')).sessionEvents(id)) {
      const text = event.event === 'statement' ? (event as { text?: string }).text : undefined;
      const number = /^select (\d+) as n$/.exec(text ?? '')?.[1];
      if (number !== undefined) numbers.add(Number(number));
    }
    return numbers;
  };

  it(`loses no statement whose answer a client has seen, in ${kills} kills of gateway and agent`, async () => {
    const sessions: { id: string; seen: number[] }[] = [];
    for (let round = 0; round < kills; round += 1) {
      const victim = round % 2 === 0 ? ('gateway' as const) : ('agent' as const);
      const { dsn, id } = await system.dsn('alice');
      const running = runUntilLost(dsn, 1).catch((): number[] => []);
      // Moments from the first handshake to a busy stream of statements.
      await new Promise((resolve) => setTimeout(resolve, 30 + ((round * 37) % 120)));
      await system[victim].kill('SIGKILL');
      const seen = await running;
      sessions.push({ id, seen });
      await system.restart(victim);
    }
    expect(sessions.reduce((sum, { seen }) => sum + seen.length, 0)).toBeGreaterThan(kills);
    for (const { id, seen } of sessions) {
      const known = await recorded(id);
      expect(
        seen.filter((number) => !known.has(number)),
        id,
      ).toEqual([]);
    }
  }, 900_000);
});
