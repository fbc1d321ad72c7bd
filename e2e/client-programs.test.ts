import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientPrograms, type DutyResult, libpqEnvironment, runDuties } from './fixture/client-programs.ts';
import { clientPolicy, clientTables } from './fixture/client-tables.ts';
import { type System, startSystem } from './fixture/system.ts';

/** What every client does through Weir as it does without it: the outcomes are equal. */
const equalDuties = ['connect', 'prepare', 'batch', 'copy', 'cancel', 'error', 'transaction', 'cursor'];
/** What Weir answers in its own way, see the tests below. */
const ownDuties = ['types', 'notify', 'denial', 'approval'];

/** A denial is an error of the server: SQLSTATE, usable connection, nothing of its batch, pipeline or transaction is committed. */
const denial = {
  plain: '42501',
  after: 1,
  batch: '42501',
  batchCount: 0,
  transaction: '42501',
  failed: '25P02',
  transactionCount: 0,
};

/** Fakes of fractions are keyed by the bytes on the wire, which differ between the formats; an enum without a decoder is text or bytes. */
const differsByFormat = /^(.*_mood|fake_(float4|float8|numeric))$/;

describe('client programs', () => {
  let system: System;
  let direct: pg.Client;
  let dsn: string;
  beforeAll(async () => {
    system = await startSystem({ customers: 300, policy: clientPolicy });
    direct = new pg.Client(system.directUrl);
    await direct.connect();
    await direct.query(clientTables);
    ({ dsn } = await system.dsn('alice'));
  });
  afterAll(async () => {
    await direct?.end();
    await system?.stop();
  });
  const reset = () => direct.query("TRUNCATE work; INSERT INTO work VALUES (900, 'approve')");

  for (const program of clientPrograms) {
    const suite =
      program.name.startsWith('node') || program.name.startsWith('postgres')
        ? describe
        : lane(
            `client-${program.name}`,
            () => program.command !== undefined,
            `e2e/clients/install.sh ${program.name} builds it`,
          );
    suite(program.name, () => {
      let through: ReadonlyMap<string, DutyResult>;
      let straight: ReadonlyMap<string, DutyResult>;
      beforeAll(async () => {
        await reset();
        straight = await runDuties(program, libpqEnvironment(system.directUrl), [...equalDuties, 'types', 'notify']);
        await reset();
        const env = libpqEnvironment(dsn, system.caFile);
        through = await runDuties(program, env, [...equalDuties, ...ownDuties]);
      });
      const outcome = (results: ReadonlyMap<string, DutyResult>, duty: string) => {
        const result = results.get(duty);
        if (result?.failed !== undefined) throw new Error(`${duty}: ${result.failed}`);
        return result?.outcome;
      };

      it.each(equalDuties)('%s', (duty) => {
        expect(outcome(through, duty)).toEqual(outcome(straight, duty));
      });

      it('reads clear and masked values of every type, by each format', () => {
        const seen = Object.entries(outcome(through, 'types') ?? {}) as [string, Record<string, unknown>][];
        const truth = outcome(straight, 'types') as Record<string, Record<string, unknown>>;
        expect(seen.length).toBeGreaterThan(0);
        for (const [format, row] of seen) {
          for (const [column, value] of Object.entries(row)) {
            // node-postgres reads binary timestamps and integers wrong (1234 as 1263), without Weir as well: different values look the same.
            if (program.name === 'node-postgres' && format === 'binary' && /timestamp|int/.test(column)) continue;
            const there = truth[format]?.[column];
            if (column === 'id' || column.startsWith('clear_')) expect(value, `${format} ${column}`).toEqual(there);
            else if (column.startsWith('null_')) expect(value, `${format} ${column}`).toBeNull();
            else expect(value, `${format} ${column}`).not.toEqual(there);
          }
        }
      });

      it('gets masked values of the column’s own type, the same by each format', () => {
        const [[, first] = ['', {}], ...others] = Object.entries(outcome(through, 'types') ?? {}) as [
          string,
          Record<string, unknown>,
        ][];
        const truth = outcome(straight, 'types') as Record<string, Record<string, unknown>>;
        // What these two give for binary is bytes, where they have no decoder.
        if (program.name === 'libpq' || program.name === 'node-postgres') return;
        for (const [column, value] of Object.entries(first)) {
          const there = Object.values(truth)[0]?.[column];
          if (/_jsonb?$/.test(column) || typeof value !== 'string' || typeof there !== 'string') continue;
          expect(value.split(' ')[0], column).toBe(there.split(' ')[0]);
        }
        for (const [format, row] of others) {
          for (const [column, value] of Object.entries(row))
            if (!differsByFormat.test(column)) expect(value, `${format} ${column}`).toEqual(first[column]);
        }
      });

      it('hears notifications, without their payload', () => {
        expect(outcome(through, 'notify')).toEqual({ ...outcome(straight, 'notify'), payload: '***' });
      });

      it('takes a denial as an error and goes on; nothing is half committed', () => {
        const { pipeline, pipelineCount, ...seen } = outcome(through, 'denial') ?? {};
        expect(seen).toEqual(denial);
        expect([undefined, '42501']).toContain(pipeline);
        expect([undefined, 0]).toContain(pipelineCount);
      });

      it('is refused with the id of a request, and runs the statement once when it is approved', async () => {
        const refused = outcome(through, 'approval') as { code: string; message: string; after: number };
        expect(refused).toMatchObject({ code: '42501', after: 1 });
        const [id = ''] = /req_\w+/.exec(refused.message) ?? [];
        await (await system.as('bob')).decideRequest(id, { decision: 'approve', reason: 'fine' });
        const env = libpqEnvironment(dsn, system.caFile);
        const again = await runDuties(program, env, ['approval', 'approval']);
        expect((await direct.query('SELECT FROM work WHERE id = 900')).rowCount).toBe(0);
        // Of the two the first one ran, the second one asks again.
        expect(outcome(again, 'approval')).toMatchObject({ code: '42501' });
      });

      it('does not trust another CA, and is not let in with another password', async () => {
        const otherCa = join(system.dir, 'other-ca.pem');
        writeFileSync(otherCa, rootCertificates[0] as string);
        const misled = (await runDuties(program, libpqEnvironment(dsn, otherCa), ['connect'])).get('connect');
        expect(misled?.failed).toMatch(/certifica|verify|PKIX|SSL error/i);
        const env = { ...libpqEnvironment(dsn, system.caFile), PGPASSWORD: 'guessed' };
        expect((await runDuties(program, env, ['connect'])).get('connect')?.failed).toMatch(/password|authentication/i);
      });
    });
  }
});
