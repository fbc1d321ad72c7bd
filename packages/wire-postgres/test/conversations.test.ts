import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  encodeBind,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeQuery,
  encodeStartupMessage,
  encodeSync,
} from '../src/index.ts';
import { createSplitter, summarise } from './raw-client.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

/** Names that do not exist are refused by the engine itself, which is no file and line of the server. */
const withoutSource = (body: Buffer) =>
  Buffer.from(body.toString('latin1').replace(/\0F[^\0]*\0L\d+\0R[^\0]*/, ''), 'latin1');

/** A client that keeps every byte of every message but the process id of notifications. */
async function open(to: { port: number; host: string } | { path: string }) {
  const socket: Socket = connect(to);
  const split = createSplitter();
  let seen: string[] = [];
  let check: () => void = () => undefined;
  socket.on('data', (chunk: Buffer) => {
    for (const [type, body] of split(chunk)) {
      const shown = summarise(type, body);
      const compared = type === 'A' ? body.subarray(4) : /^E (26000|34000)/.test(shown) ? withoutSource(body) : body;
      seen.push(`${shown.slice(0, 200)} ${compared.toString('base64').slice(0, 4000)}`);
    }
    check();
  });
  socket.on('error', () => socket.destroy());
  const until = (letter: string, count: number) =>
    new Promise<string[]>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer; so far: ${seen.join(' / ')}`)), 10_000);
      check = () => {
        if (seen.filter((message) => message.startsWith(letter)).length < count) return;
        clearTimeout(timer);
        check = () => undefined;
        const result = seen;
        seen = [];
        resolve(result);
      };
      check();
    });
  socket.write(encodeStartupMessage({ user: 'postgres', database: 'postgres' }));
  await until('Z', 1);
  return {
    send: (...messages: readonly Buffer[]) => void socket.write(Buffer.concat(messages)),
    until,
    close: () => socket.destroy(),
  };
}
type Client = Awaited<ReturnType<typeof open>>;

/** What is sent at once, and the message (and how many of it) that is awaited then. */
type Turn = readonly [messages: readonly Buffer[], letter?: string, count?: number];

const query = encodeQuery;
const run = (sql: string, maxRows = 0) => [
  encodeParse('', sql),
  encodeBind('', ''),
  encodeDescribe('P', ''),
  encodeExecute('', maxRows),
];
const undescribed = (sql: string) => [encodeParse('', sql), encodeBind('', ''), encodeExecute('')];
const sync = encodeSync();
const flush = encodeFlush();
const rows = (count: number) => `SELECT g, 'row ' || g FROM generate_series(1, ${count}) g`;
const data = (text: string) => encodeCopyData(Buffer.from(text));

const conversations: Record<string, readonly Turn[]> = {
  'a pipeline with an error in the middle': [
    [[...run("INSERT INTO t VALUES (1, 'a')"), ...run('SELECT 1 / 0'), ...run("INSERT INTO t VALUES (2, 'b')"), sync]],
    [[query('SELECT count(*) FROM t')]],
  ],
  'three pipelines in one burst, the second with errors': [
    [[...run('SELECT 1'), sync, ...run('nonsense'), ...run('SELECT 2'), sync, ...run('SELECT 3'), sync], 'Z', 3],
  ],
  'an error, then messages of all kinds up to Sync': [
    [
      [
        encodeParse('x', 'nonsense'),
        encodeBind('', 'x'),
        encodeDescribe('S', 'x'),
        encodeClose('S', 'x'),
        flush,
        query('SELECT 1'),
        sync,
      ],
    ],
  ],
  'Sync alone, twice, and Flush with nothing to flush': [[[flush, sync, flush, sync, sync], 'Z', 3]],
  'Flush shows answers before Sync': [[[...run('SELECT 1'), flush], 'C'], [[...run('SELECT 2'), flush], 'C'], [[sync]]],
  'Flush shows an error before Sync': [
    [[...run('SELECT 1'), ...run('nonsense'), flush], 'E'],
    [[...run('SELECT 2'), sync]],
  ],
  'a portal with a row limit, to its end': [
    [[query('BEGIN')]],
    [[encodeParse('s', rows(5)), encodeBind('p', 's'), encodeDescribe('P', 'p'), encodeExecute('p', 2), flush], 's'],
    [[encodeExecute('p', 2), flush], 's'],
    [[encodeExecute('p', 2), encodeExecute('p', 2), sync]],
    [[query('COMMIT')]],
    [[encodeExecute('p', 1), sync]],
  ],
  'two portals of one statement, read in turns, one closed': [
    [[query('BEGIN')]],
    [[encodeBind('a', 's2'), sync], 'Z'],
    [[query('ROLLBACK; BEGIN')]],
    [[encodeParse('s2', rows(4)), encodeBind('a', 's2'), encodeBind('b', 's2'), sync]],
    [
      [
        encodeExecute('a', 1),
        encodeExecute('b', 3),
        encodeExecute('a', 1),
        encodeClose('P', 'a'),
        encodeExecute('b', 0),
        sync,
      ],
    ],
    [[encodeExecute('a', 1), sync]],
    [[query('ROLLBACK')]],
  ],
  'a portal limit outside a block ends at Sync': [[[...run(rows(3), 2), sync]], [[encodeExecute('', 2), sync]]],
  'a write with RETURNING behind a row limit': [
    [[...run("INSERT INTO t SELECT g, 'x' FROM generate_series(10, 14) g RETURNING id", 2), sync]],
    [[query('SELECT count(*) FROM t WHERE id >= 10')]],
  ],
  'rows without Describe': [[[...undescribed(rows(2)), ...undescribed('SHOW server_version'), sync]]],
  'Describe of statements with and without rows': [
    [
      [
        encodeParse('d1', 'SELECT $1::int, $2::text'),
        encodeDescribe('S', 'd1'),
        encodeParse('d2', "SET TimeZone = 'UTC'"),
        encodeDescribe('S', 'd2'),
        sync,
      ],
    ],
    [
      [
        encodeClose('S', 'd1'),
        encodeClose('S', 'd1'),
        encodeClose('S', 'never'),
        encodeClose('P', 'never'),
        encodeDescribe('S', 'd1'),
        sync,
      ],
    ],
  ],
  'the same name prepared twice': [[[encodeParse('twice', 'SELECT 1'), encodeParse('twice', 'SELECT 2'), sync]]],
  'parameters and results, text and binary': [
    [
      [
        encodeParse('', 'SELECT $1::int4, $2::bytea, $3::text', [23]),
        encodeBind('', '', {
          parameters: [Buffer.from([0, 0, 1, 0]), Buffer.from([0, 255]), null],
          parameterFormats: [1, 1, 0],
          resultFormats: [1, 0, 1],
        }),
        encodeDescribe('P', ''),
        encodeExecute(''),
        sync,
      ],
    ],
  ],
  'a parameter that does not parse': [
    [
      [
        encodeParse('', 'SELECT $1::int'),
        encodeBind('', '', { parameters: [Buffer.from('x')] }),
        encodeExecute(''),
        sync,
      ],
    ],
  ],
  'an empty query, simple and extended': [[[query(''), query(';;'), ...run(''), sync], 'Z', 3]],
  'several statements in one Query, an error in the middle': [
    [[query("SELECT 1; INSERT INTO t VALUES (20, 'x'); SELECT 1/0; SELECT 2")]],
    [[query('SELECT count(*) FROM t WHERE id = 20')]],
  ],
  'a failed block': [
    [[query('BEGIN'), query('nonsense'), query('SELECT 1'), ...run('SELECT 2'), sync, query('COMMIT')], 'Z', 5],
  ],
  'a savepoint in a failed block': [
    [
      [query('BEGIN; SAVEPOINT a'), query('SELECT 1/0'), query('ROLLBACK TO a'), query('SELECT 3'), query('COMMIT')],
      'Z',
      5,
    ],
  ],
  'warnings, notices and settings': [
    [
      [
        query('DROP TABLE IF EXISTS never'),
        query("SET TimeZone = 'Asia/Tokyo'"),
        query('SET LOCAL TimeZone = 0'),
        query("RESET TimeZone; SET application_name = 'x'"),
      ],
      'Z',
      4,
    ],
    [[...run("SET TimeZone = 'Europe/Paris'"), ...run('COMMIT'), ...run('DROP TABLE IF EXISTS never'), sync]],
  ],
  'notifications of its own, idle, in a block and in a pipeline': [
    [[query('LISTEN bell'), query("NOTIFY bell, 'one'")], 'Z', 2],
    [[query('BEGIN'), query("NOTIFY bell, 'two'"), query('SELECT 1'), query('COMMIT')], 'Z', 4],
    [[...run("NOTIFY bell, 'three'"), ...run('SELECT 1'), sync]],
    [[query('UNLISTEN *')]],
  ],
  'COPY TO STDOUT, simple and extended': [
    [
      [
        query(`COPY (${rows(3)}) TO STDOUT`),
        ...run(`COPY (${rows(2)}) TO STDOUT (FORMAT binary)`),
        ...run('SELECT 1'),
        sync,
      ],
      'Z',
      2,
    ],
  ],
  'an error in the middle of COPY TO STDOUT': [
    [[query('COPY (SELECT 1 / (3 - g) FROM generate_series(1, 5) g) TO STDOUT')]],
    [[...run('COPY (SELECT 1 / (3 - g) FROM generate_series(1, 5) g) TO STDOUT'), ...run('SELECT 1'), sync]],
  ],
  'COPY FROM STDIN, its data cut anywhere': [
    [[query('COPY t FROM STDIN')], 'G'],
    [[data('30\ta\n3'), data('1\tb'), data('\n'), encodeCopyDone()]],
    [[query('SELECT count(*) FROM t WHERE id IN (30, 31)')]],
  ],
  CopyFail: [
    [[query('COPY t FROM STDIN')], 'G'],
    [[data('40\ta\n'), encodeCopyFail('the client gives up')]],
    [[...run('COPY t FROM STDIN'), sync], 'G'],
    [[data('41\ta\n'), encodeCopyFail('again'), sync]],
    [[query('SELECT count(*) FROM t WHERE id IN (40, 41)')]],
  ],
  'an error in COPY data, and data that still comes': [
    [[query('COPY t FROM STDIN')], 'G'],
    [
      [
        data('no number\tx\n'),
        ...Array.from({ length: 50 }, (_, i) => data(`${100 + i}\tx\n`)),
        encodeCopyDone(),
        query('SELECT 1'),
      ],
      'Z',
      2,
    ],
    [[...run('COPY t FROM STDIN'), flush], 'G'],
    [[data('no number\tx\n'), data('60\tx\n'), encodeCopyDone(), ...run('SELECT 1'), sync]],
    [[query('SELECT count(*) FROM t WHERE id >= 60')]],
  ],
  'COPY data without a COPY': [[[data('1\n'), encodeCopyDone(), encodeCopyFail('x'), query('SELECT 1')]]],
  'a row of 1,600 columns': [
    [[query(`SELECT ${Array.from({ length: 1600 }, (_, i) => `${i} AS c${i}`).join(', ')}`)]],
    [[...run(`SELECT ${Array.from({ length: 1600 }, (_, i) => `'x${i}' AS c${i}`).join(', ')}`), sync]],
  ],
  'a row of 1,665 columns is too much for the server': [
    [[query(`SELECT ${Array.from({ length: 1665 }, (_, i) => i).join(', ')}`)]],
  ],
  '3,000 parameters': [
    [
      [
        encodeParse(
          '',
          `SELECT ${Array.from({ length: 1500 }, (_, i) => `$${2 * i + 1}::int + $${2 * i + 2}::int`).join(', ')}`,
        ),
        encodeBind('', '', { parameters: Array.from({ length: 3000 }, (_, i) => Buffer.from(String(i))) }),
        encodeExecute(''),
        sync,
      ],
    ],
  ],
  'values of 0, 1 and 3,000,000 bytes': [
    [[query("SELECT '', 'x', repeat('y', 3000000), NULL"), ...run("SELECT repeat('z', 3000000)::bytea"), sync], 'Z', 2],
  ],
};

describe('a client sees through the engine what it sees of the server', () => {
  let server: RealServer;
  let relays: Relay[];
  const clients: Record<string, Client> = {};
  beforeAll(async () => {
    server = await startRealServer();
    const forward = (describeAll: boolean) => (request: { readonly text: string }) => ({
      ...{ action: 'forward' as const, ticket: request.text, describe: describeAll },
    });
    relays = [
      await startRelay(server.socketPath),
      // As with masks: every statement is described and every row is walked through.
      await startRelay(server.socketPath, () => ({
        judge: forward(true),
        describe: (_ticket, _index, fields) => fields.map(() => sameBytes),
        sampleRows: () => 2,
      })),
    ];
    clients['direct'] = await open({ path: server.socketPath });
    clients['direct'].send(query('CREATE TABLE t (id int, label text)'));
    await clients['direct'].until('Z', 1);
    clients['through the engine'] = await open({ port: (relays[0] as Relay).port, host: '127.0.0.1' });
    clients['through masks'] = await open({ port: (relays[1] as Relay).port, host: '127.0.0.1' });
  });
  afterAll(async () => {
    for (const client of Object.values(clients)) client.close();
    for (const relay of relays) await relay.close();
    await server.stop();
  });
  const sameBytes = {
    maxLength: (length: number) => length,
    write: (source: Buffer, start: number, end: number, target: Buffer, offset: number) =>
      source.copy(target, offset, start, end),
  };

  it.each(Object.entries(conversations))('%s', async (_what, turns) => {
    const seen: Record<string, string[][]> = {};
    for (const [name, client] of Object.entries(clients)) {
      client.send(query('TRUNCATE t; DEALLOCATE ALL'));
      await client.until('Z', 1);
      const answers: string[][] = [];
      for (const [messages, letter = 'Z', count = 1] of turns) {
        client.send(...messages);
        answers.push(await client.until(letter, count));
      }
      client.send(query("SELECT 'usable'"));
      answers.push(await client.until('Z', 1));
      seen[name] = answers;
    }
    const { direct, ...others } = seen;
    for (const [name, answers] of Object.entries(others)) expect([name, answers]).toEqual([name, direct]);
  });
});
