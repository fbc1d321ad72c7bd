import { describe, expect, it } from 'vitest';
import {
  type CellMask,
  createPostgresEngine,
  type Decision,
  encodeBind,
  encodeCopyData,
  encodeErrorResponse,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
  errorFields,
  encodeReadyForQuery as ready,
  encodeCommandComplete as tag,
} from '../src/index.ts';
import { createAllowAllHost } from './allow-all-host.ts';
import {
  bindComplete,
  copyDone,
  copyResponse,
  dataRow,
  parseComplete,
  portalSuspended,
  rowDescription,
} from './backend-messages.ts';
import { createSplitter, summarise } from './raw-client.ts';

const stars: CellMask = {
  maxLength: () => 3,
  write: (_source, _start, _end, target, offset) => target.write('***', offset),
};
const over = errorFields('42501', 'more than 2 rows');
const withheld = 'E 42501 more than 2 rows';
const cancelled = encodeErrorResponse(errorFields('57014', 'canceling statement due to user request'));
const rows = (...values: string[]) => Buffer.concat(values.map((value) => dataRow(value)));

interface World {
  readonly masks?: boolean;
  readonly samples?: number;
  readonly format?: 'csv-header' | 'text-header';
  readonly status?: 'I' | 'T';
}

/** An engine with a limit of 2 rows for texts without "free"; cancels settle when the test says so. */
function start({ masks = false, samples = 0, format, status = 'I' }: World = {}) {
  const cancels: { settle: () => void; fail: (error: Error) => void }[] = [];
  const made = createAllowAllHost({
    judge: ({ text }): Decision => ({
      ...{ action: 'forward', ticket: text, describe: false },
      maxRows: text.includes('free') ? null : 2,
    }),
    describe: (_ticket, _index, fields) => (masks ? fields.map(() => stars) : null),
    sampleRows: () => samples,
    copyOut: (_ticket, _index, columns) => ({
      masks: masks ? Array.from({ length: columns }, () => stars) : null,
      csv: format === 'csv-header' ? { delimiter: ',', quote: '"', escape: '"', nullText: '', header: true } : null,
      header: format !== undefined,
    }),
    exceeded(ticket, index) {
      made.log.exceeded.push({ ticket, index });
      return { error: over, settled: new Promise((settle, fail) => cancels.push({ settle, fail })) };
    },
  });
  const { host, log } = made;
  const engine = createPostgresEngine(host, { transactionStatus: status });
  const cut = (bytes: Buffer[]) => createSplitter()(Buffer.concat(bytes.splice(0)));
  return {
    ...{ engine, log, cancels },
    toClient: () => cut(log.toClient).map(([type, body]) => summarise(type, body)),
    /** Types of what went to the server, and texts of Queries. */
    toServer: () =>
      cut(log.toServer).map(([type, body]) => (type === 'Q' ? `Q ${body.toString('utf8', 0, body.length - 1)}` : type)),
    async settle() {
      for (const cancel of cancels.splice(0)) cancel.settle();
      await new Promise((resolve) => setImmediate(resolve));
    },
    outcomes: () =>
      log.finished.map(
        ({ ticket, outcome }) => `${ticket} ${outcome.index} ${outcome.tag} ${outcome.rows} ${outcome.error?.['C']}`,
      ),
  };
}

describe.each<[string, World]>([
  ['relayed', {}],
  ['masked', { masks: true }],
  ['sampled', { samples: 10 }],
])('a simple Query, rows %s', (_how, world) => {
  const cell = (value: string) => `D ${world.masks ? '***' : value}`;

  it('delivers up to the limit, then the error in place of the cancelled statement’s', async () => {
    const { engine, log, toClient, toServer, settle, outcomes } = start(world);
    engine.fromClient(encodeQuery('SELECT'));
    engine.fromServer(Buffer.concat([rowDescription('n'), rows('1', '2', '3', '4')]));
    expect(toClient()).toEqual(['T n', cell('1'), cell('2')]);
    expect(log.exceeded).toEqual([{ ticket: 'SELECT', index: 0 }]);
    engine.fromServer(Buffer.concat([rows('5', '6'), cancelled, ready('I')]));
    expect(toClient()).toEqual([withheld, 'Z I']);
    expect(outcomes()).toEqual(['SELECT 0 null 2 42501']);
    await settle();
    expect(toServer()).toEqual(['Q SELECT']);
  });

  it('exactly at the limit nothing happens', () => {
    const { engine, log, toClient } = start(world);
    engine.fromClient(encodeQuery('SELECT'));
    engine.fromServer(Buffer.concat([rowDescription('n'), rows('1', '2'), tag('SELECT 2'), ready('I')]));
    expect(toClient()).toEqual(['T n', cell('1'), cell('2'), 'C SELECT 2', 'Z I']);
    expect(log.exceeded).toEqual([]);
  });

  it('each result of a multi-statement has the limit; the rest of the text is silent', () => {
    const { engine, log, toClient, outcomes } = start(world);
    engine.fromClient(encodeQuery('A; B; C'));
    const ok = [rowDescription('n'), rows('1', '2'), tag('SELECT 2')];
    const tooMany = [rowDescription('n'), rows('1', '2', '3'), tag('SELECT 3')];
    engine.fromServer(Buffer.concat([...ok, ...tooMany, ...tooMany, ready('I')]));
    expect(toClient()).toEqual([
      ...['T n', cell('1'), cell('2'), 'C SELECT 2', 'T n', cell('1'), cell('2')],
      withheld,
      'Z I',
    ]);
    expect(log.exceeded).toEqual([{ ticket: 'A; B; C', index: 1 }]);
    expect(outcomes()).toEqual([
      'A; B; C 0 SELECT 2 2 undefined',
      'A; B; C 1 SELECT 3 2 42501',
      'A; B; C 2 SELECT 3 0 undefined',
    ]);
  });
});

describe('the next statement', () => {
  it('is not sent before the server has answered and the cancel has settled, in whichever order', async () => {
    for (const order of ['server first', 'cancel first']) {
      const { engine, toClient, toServer, settle } = start();
      engine.fromClient(encodeQuery('SELECT'));
      engine.fromServer(Buffer.concat([rowDescription('n'), rows('1', '2', '3')]));
      engine.fromClient(encodeQuery('SELECT next free'));
      expect(engine.paused).toBe(true);
      const answer = () => engine.fromServer(Buffer.concat([cancelled, ready('I')]));
      if (order === 'server first') answer();
      else await settle();
      expect(toServer()).toEqual(['Q SELECT']);
      if (order === 'server first') await settle();
      else answer();
      expect(toServer()).toEqual(['Q SELECT next free']);
      engine.fromServer(Buffer.concat([tag('SELECT 0'), ready('I')]));
      expect(toClient().slice(-4)).toEqual([withheld, 'Z I', 'C SELECT 0', 'Z I']);
    }
  });

  it('that was sent ahead waits behind every statement with a limit, and for nothing behind others', () => {
    const { engine, toServer } = start();
    engine.fromClient(
      Buffer.concat([encodeQuery('free 1'), encodeQuery('bound 2'), encodeQuery('free 3'), encodeQuery('free 4')]),
    );
    expect(toServer()).toEqual(['Q free 1', 'Q bound 2']);
    engine.fromServer(Buffer.concat([tag('SELECT 0'), ready('I'), tag('SELECT 0')]));
    expect(toServer()).toEqual([]);
    engine.fromServer(ready('I'));
    expect(toServer()).toEqual(['Q free 3', 'Q free 4']);
  });

  it('is never sent when nobody knows what became of the cancel: the connection ends', async () => {
    const { engine, log, cancels, toClient } = start();
    engine.fromClient(encodeQuery('SELECT'));
    engine.fromServer(Buffer.concat([rowDescription('n'), rows('1', '2', '3')]));
    cancels[0]?.fail(new Error('no answer'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(toClient().at(-1)).toMatch(/^E XX000 .*could not be cancelled/);
    expect(log.ended).toHaveLength(1);
    expect(log.finished).toHaveLength(1);
  });
});

describe('a transaction block whose statement ended before the cancel came is failed on both sides', () => {
  it('simple', async () => {
    const { engine, toClient, toServer, settle } = start({ status: 'T' });
    engine.fromClient(encodeQuery('UPDATE … RETURNING'));
    engine.fromServer(Buffer.concat([rowDescription('n'), rows('1', '2', '3'), tag('UPDATE 3'), ready('T')]));
    expect(toClient()).toEqual(['T n', 'D 1', 'D 2', withheld]);
    expect(toServer()).toEqual(['Q UPDATE … RETURNING', 'Q weir_denied']);
    engine.fromClient(encodeQuery('free next'));
    engine.fromServer(Buffer.concat([encodeErrorResponse(errorFields('42601', 'syntax error')), ready('E')]));
    expect(toClient()).toEqual(['Z E']);
    expect(toServer()).toEqual([]);
    await settle();
    expect(toServer()).toEqual(['Q free next']);
    expect(engine.status).toBe('E');
  });

  const run = [encodeParse('', 'SELECT 1'), encodeBind('', ''), encodeExecute('')];
  const begun = [parseComplete, bindComplete];

  it('extended, Sync was sent with it', async () => {
    const { engine, toClient, toServer, settle } = start({ status: 'T' });
    engine.fromClient(Buffer.concat([...run, encodeSync()]));
    engine.fromServer(Buffer.concat([parseComplete, bindComplete, rowDescription('n'), rows('1', '2', '3')]));
    engine.fromServer(Buffer.concat([tag('SELECT 3'), ready('T')]));
    expect(toClient()).toEqual(['1', '2', 'D 1', 'D 2', withheld]);
    expect(toServer().slice(-2)).toEqual(['S', 'Q weir_denied']);
    engine.fromServer(Buffer.concat([encodeErrorResponse(errorFields('42601', 'syntax error')), ready('E')]));
    expect(toClient()).toEqual(['Z E']);
    await settle();
    expect(toServer()).toEqual([]);
  });

  it('extended, Sync comes later: it waits, and nothing that came before it is committed', async () => {
    const { engine, toClient, toServer, settle } = start();
    engine.fromClient(Buffer.concat(run));
    engine.fromServer(Buffer.concat([...begun, rowDescription('n'), rows('1', '2', '3')]));
    toServer();
    engine.fromClient(Buffer.concat([...run, encodeSync()]));
    expect(toServer()).toEqual(['H']);
    engine.fromServer(tag('SELECT 3'));
    expect(toServer()).toEqual(['P', 'H']);
    expect(toClient()).toEqual(['1', '2', 'D 1', 'D 2', withheld]);
    await settle();
    engine.fromServer(encodeErrorResponse(errorFields('42601', 'syntax error')));
    expect(toServer()).toEqual(['S']);
    engine.fromServer(ready('I'));
    expect(toClient()).toEqual(['Z I']);
  });

  it('a cancel that hits the Sync is not heard twice', async () => {
    const { engine, toClient, settle } = start();
    engine.fromClient(Buffer.concat([...run, encodeSync()]));
    engine.fromServer(
      Buffer.concat([...begun, rowDescription('n'), rows('1', '2', '3'), tag('SELECT 3'), cancelled, ready('I')]),
    );
    expect(toClient()).toEqual(['1', '2', 'D 1', 'D 2', withheld, 'Z I']);
    await settle();
  });
});

describe('the extended protocol', () => {
  const prepare = [encodeParse('', 'SELECT 1'), encodeBind('p', '')];

  it('counts a portal over all its Executes', () => {
    const { engine, log, toClient } = start({ status: 'T' });
    engine.fromClient(Buffer.concat([...prepare, encodeExecute('p', 1), encodeSync()]));
    engine.fromServer(
      Buffer.concat([parseComplete, bindComplete, rowDescription('n'), rows('1'), portalSuspended, ready('T')]),
    );
    engine.fromClient(Buffer.concat([encodeExecute('p', 1), encodeSync()]));
    engine.fromServer(Buffer.concat([rows('2'), portalSuspended, ready('T')]));
    expect(log.exceeded).toEqual([]);
    engine.fromClient(Buffer.concat([encodeExecute('p', 1), encodeSync()]));
    engine.fromServer(Buffer.concat([rows('3'), cancelled, ready('E')]));
    expect(toClient()).toEqual(['1', '2', 'D 1', 's', 'Z T', 'D 2', 's', 'Z T', withheld, 'Z E']);
    expect(log.exceeded).toHaveLength(1);
  });

  it('a suspended portal that went beyond ends as an error, too', () => {
    const { engine, toClient } = start({ status: 'T' });
    engine.fromClient(Buffer.concat([...prepare, encodeExecute('p', 3), encodeSync()]));
    engine.fromServer(
      Buffer.concat([
        parseComplete,
        bindComplete,
        rowDescription('n'),
        rows('1', '2', '3'),
        portalSuspended,
        ready('T'),
      ]),
    );
    engine.fromServer(Buffer.concat([encodeErrorResponse(errorFields('42601', 'syntax error')), ready('E')]));
    expect(toClient()).toEqual(['1', '2', 'D 1', 'D 2', withheld, 'Z E']);
  });

  it('the next Execute of a pipeline waits for the one before, which the server is asked to answer', () => {
    const { engine, toServer, toClient } = start();
    const one = (portal: string) => [encodeParse('', 'SELECT 1'), encodeBind(portal, ''), encodeExecute(portal)];
    engine.fromClient(Buffer.concat([...one('a'), ...one('b'), encodeSync()]));
    expect(toServer()).toEqual(['P', 'B', 'D', 'E', 'H']);
    engine.fromServer(Buffer.concat([parseComplete, bindComplete, rowDescription('n'), rows('1'), tag('SELECT 1')]));
    expect(toServer()).toEqual(['P', 'B', 'D', 'E', 'S']);
    engine.fromServer(
      Buffer.concat([parseComplete, bindComplete, rowDescription('n'), rows('1', '2', '3'), cancelled, ready('I')]),
    );
    expect(toClient()).toEqual(['1', '2', 'D 1', 'C SELECT 1', '1', '2', 'D 1', 'D 2', withheld, 'Z I']);
  });
});

describe('COPY TO STDOUT', () => {
  const line = (text: string) => encodeCopyData(Buffer.from(text));
  const cell = (text: string) => Buffer.concat([Buffer.from([0, 1, 0, 0, 0, text.length]), Buffer.from(text)]);
  const binaryHeader = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
  const trailer = Buffer.from([0xff, 0xff]);
  const binary = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      encodeCopyData(i === 0 ? Buffer.concat([binaryHeader, cell('1')]) : cell(`${i}`)),
    );
  const cases: [string, World, number, Buffer[], Buffer[]][] = [
    ['text', {}, 0, [line('1\n'), line('2\n')], [line('3\n')]],
    ['text, masked', { masks: true }, 0, [line('1\n'), line('2\n')], [line('3\n')]],
    ['text with a header', { format: 'text-header' }, 0, [line('n\n'), line('1\n'), line('2\n')], [line('3\n')]],
    [
      'CSV with lines inside values',
      { format: 'csv-header' },
      0,
      [line('n\n'), line('"1\n"\n'), line('2\n')],
      [line('3\n')],
    ],
    [
      'CSV, masked',
      { format: 'csv-header', masks: true },
      0,
      [line('n\n'), line('"1\n"\n'), line('2\n')],
      [line('3\n')],
    ],
    ['binary', {}, 1, [...binary(2), encodeCopyData(trailer)], []],
    ['binary, masked', { masks: true }, 1, [...binary(2), encodeCopyData(trailer)], []],
    ['binary, beyond', {}, 1, binary(2), [...binary(4).slice(2), encodeCopyData(trailer)]],
    ['binary, beyond, masked', { masks: true }, 1, binary(2), [...binary(4).slice(2), encodeCopyData(trailer)]],
  ];
  it.each(cases)('%s', (_name, world, format, within, beyond) => {
    const { engine, log, toClient, outcomes } = start(world);
    engine.fromClient(encodeQuery('COPY'));
    engine.fromServer(Buffer.concat([copyResponse('H', format, 1), ...within, ...beyond]));
    const seen = toClient();
    // The codec sends the header of binary COPY by itself.
    const extra = format === 1 && world.masks ? 1 : 0;
    expect(seen.slice(1)).toHaveLength(within.length + extra);
    engine.fromServer(Buffer.concat([copyDone, tag('COPY 4'), ready('I')]));
    expect(toClient()).toEqual(beyond.length > 0 ? [withheld, 'Z I'] : ['c', 'C COPY 4', 'Z I']);
    expect(log.exceeded).toHaveLength(beyond.length > 0 ? 1 : 0);
    if (beyond.length > 0) expect(outcomes()).toEqual(['COPY 0 COPY 4 2 42501']);
  });

  it('a COPY FROM STDIN behind withheld rows in the same Query is refused in the client’s name', () => {
    const { engine, toClient, toServer } = start();
    engine.fromClient(encodeQuery('A; COPY t FROM STDIN'));
    engine.fromServer(
      Buffer.concat([rowDescription('n'), rows('1', '2', '3'), tag('SELECT 3'), copyResponse('G', 0, 1)]),
    );
    expect(toServer()).toEqual(['Q A; COPY t FROM STDIN', 'f']);
    engine.fromServer(Buffer.concat([encodeErrorResponse(errorFields('57014', 'COPY from stdin failed')), ready('I')]));
    expect(toClient()).toEqual(['T n', 'D 1', 'D 2', withheld, 'Z I']);
  });

  it('data of a COPY FROM STDIN in a limited text goes through', () => {
    const { engine, toClient, toServer } = start();
    engine.fromClient(encodeQuery('COPY t FROM STDIN; A'));
    engine.fromServer(copyResponse('G', 0, 1));
    engine.fromClient(Buffer.concat([line('1\n'), copyDone, encodeQuery('free')]));
    expect(toServer()).toEqual(['Q COPY t FROM STDIN; A', 'd', 'c']);
    engine.fromServer(Buffer.concat([tag('COPY 1'), rowDescription('n'), rows('1'), tag('SELECT 1'), ready('I')]));
    expect(toServer()).toEqual(['Q free']);
    expect(toClient()).toEqual(['G', 'C COPY 1', 'T n', 'D 1', 'C SELECT 1', 'Z I']);
  });
});

describe('however the server’s bytes are split', () => {
  const line = (text: string) => encodeCopyData(Buffer.from(text));
  const server = Buffer.concat([
    ...[rowDescription('n'), rows('1', '2'), tag('SELECT 2'), rowDescription('n'), rows('1', '2', '3', '4')],
    ...[cancelled, ready('I')],
  ]);
  const copy = Buffer.concat([
    copyResponse('H', 0, 1),
    line('a\n'),
    line('b\n'),
    line('c\n'),
    copyDone,
    tag('COPY 3'),
    ready('I'),
  ]);

  it.each<[string, World, Buffer]>([
    ['rows', {}, server],
    ['masked rows', { masks: true }, server],
    ['sampled rows', { samples: 3 }, server],
    ['COPY', {}, copy],
    ['masked COPY', { masks: true }, copy],
  ])('%s: the client sees the same', (_name, world, bytes) => {
    const play = (chunks: Buffer[]) => {
      const { engine, log } = start(world);
      engine.fromClient(encodeQuery('A; B'));
      for (const chunk of chunks) engine.fromServer(chunk);
      return {
        toClient: Buffer.concat(log.toClient).toString('latin1'),
        finished: log.finished,
        exceeded: log.exceeded,
      };
    };
    const whole = play([bytes]);
    expect(whole.exceeded).toHaveLength(1);
    for (let at = 1; at < bytes.length; at++)
      expect(play([Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))])).toEqual(whole);
    expect(play(Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(whole);
  });
});

describe('a meter', () => {
  /** Two results with a budget of `rowsLeft` rows and `bytesLeft` bytes for the second. */
  function startMetered(rowsLeft: number, bytesLeft: number, overdrafts = 0, masks: World['masks'] = false) {
    const meter = {
      ...{ rowsLeft, bytesLeft, left: overdrafts },
      took(rows: number, bytes: number) {
        meter.rowsLeft -= rows;
        meter.bytesLeft -= bytes;
      },
      overdraw: () => meter.left-- > 0,
    };
    const by: string[] = [];
    const made = createAllowAllHost({
      judge: ({ text }): Decision => ({ action: 'forward', ticket: text, describe: false, meters: [null, meter] }),
      describe: (_ticket, _index, fields) => (masks ? fields.map(() => stars) : null),
      exceeded(_ticket, index, reason) {
        by.push(`${index} ${reason}`);
        return { error: over, settled: Promise.resolve() };
      },
    });
    const engine = createPostgresEngine(made.host, { transactionStatus: 'I' });
    engine.fromClient(encodeQuery('A; B'));
    const first = Buffer.concat([rowDescription('n'), rows('1', '2', '3'), tag('SELECT 3')]);
    return {
      ...{ engine, meter, by, first },
      toClient: () =>
        createSplitter()(Buffer.concat(made.log.toClient.splice(0))).map(([type, body]) => summarise(type, body)),
    };
  }

  it.each<[string, number, number, number, boolean, string[]]>([
    ['of rows', 2, 1000, 0, false, ['D 1', 'D 2']],
    ['of rows, masked', 2, 1000, 0, true, ['D ***', 'D ***']],
    ['of bytes (a row of one letter has 7)', 100, 15, 0, false, ['D 1', 'D 2']],
    ['that lets one more pass', 2, 1000, 1, false, ['D 1', 'D 2', 'D 3']],
  ])('%s cuts its own result only', (_name, rowsLeft, bytesLeft, overdrafts, masks, expected) => {
    const { engine, by, first, toClient } = startMetered(rowsLeft, bytesLeft, overdrafts, masks);
    engine.fromServer(first);
    expect(toClient()).toHaveLength(5);
    engine.fromServer(Buffer.concat([rowDescription('n'), rows('1', '2', '3', '4'), cancelled, ready('I')]));
    expect(toClient()).toEqual(['T n', ...expected, withheld, 'Z I']);
    expect(by).toEqual(['1 meter']);
  });

  it('counts every row, however its bytes arrive', () => {
    for (const size of [1, 3, 7, 1000]) {
      const { engine, meter, by, first } = startMetered(100, 1000);
      const bytes = Buffer.concat([first, rowDescription('n'), rows('1', '2', '3'), tag('SELECT 3'), ready('I')]);
      for (let at = 0; at < bytes.length; at += size) engine.fromServer(bytes.subarray(at, at + size));
      expect([meter.rowsLeft, meter.bytesLeft, by]).toEqual([97, 1000 - 21, []]);
    }
  });
});
