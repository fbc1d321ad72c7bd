import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CellMask,
  createPostgresEngine,
  type Decision,
  encodeBind,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeDescribe,
  encodeErrorResponse,
  encodeExecute,
  encodeFlush,
  encodeNoticeResponse,
  encodeParameterStatus,
  encodeParse,
  encodeQuery,
  encodeSync,
  errorFields,
  type JudgeRequest,
  encodeReadyForQuery as ready,
  encodeCommandComplete as tag,
} from '../src/index.ts';
import { createAllowAllHost, type HostLog } from './allow-all-host.ts';
import {
  bindComplete,
  closeComplete,
  copyDone,
  copyResponse,
  dataRow,
  parameterDescription,
  parseComplete,
  rowDescription,
} from './backend-messages.ts';

const stars: CellMask = {
  maxLength: () => 3,
  write: (_source, _start, _end, target, offset) => target.write('***', offset),
};

/** A conversation in which the client sends everything at once. */
const client = Buffer.concat([
  encodeQuery("SELECT 'one'; SELECT 'two'"),
  ...[encodeParse('s', 'SELECT secret'), encodeBind('', 's'), encodeExecute(''), encodeSync()],
  ...[encodeParse('', 'SELECT denied'), encodeBind('', ''), encodeExecute(''), encodeSync()],
  ...[
    encodeQuery('COPY t FROM STDIN'),
    encodeCopyData(Buffer.from('1\n')),
    encodeCopyData(Buffer.alloc(300, 0x61)),
    encodeCopyDone(),
  ],
  encodeQuery('COPY t TO STDOUT'),
  ...[encodeParse('u', 'SELECT clear'), encodeDescribe('S', 'u'), encodeFlush(), encodeClose('S', 'u'), encodeSync()],
  encodeQuery('SELECT broken'),
]);
const server = Buffer.concat([
  ...[
    rowDescription('id'),
    dataRow('one'),
    tag('SELECT 1'),
    rowDescription('id', 'secret'),
    dataRow('two', 'hidden'),
    dataRow(null, null),
  ],
  ...[encodeNoticeResponse(errorFields('00000', 'hello')), tag('SELECT 2'), ready('I')],
  ...[
    parseComplete,
    parameterDescription(),
    rowDescription('secret'),
    bindComplete,
    dataRow('hidden'),
    dataRow('x'),
    tag('SELECT 2'),
    ready('I'),
  ],
  ...[encodeErrorResponse(errorFields('42601', 'syntax error')), ready('I')],
  ...[copyResponse('G', 0, 1), encodeParameterStatus('application_name', 'x'), tag('COPY 2'), ready('I')],
  ...[
    copyResponse('H', 0, 2),
    encodeCopyData(Buffer.from('1\thidden\n2\thid')),
    encodeCopyData(Buffer.from('den\\\\x\n')),
    copyDone,
    tag('COPY 2'),
    ready('I'),
  ],
  ...[parseComplete, parameterDescription(25), rowDescription('secret'), closeComplete, ready('I')],
  ...[encodeErrorResponse(errorFields('42703', 'column "broken" does not exist')), ready('I')],
]);

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set(cuts.map((point) => point % bytes.length))].sort((a, b) => a - b);
  return [0, ...points].map((from, i) => Buffer.from(bytes.subarray(from, points[i] ?? bytes.length)));
}

function decide({ phase, text }: JudgeRequest): Decision {
  if (text.includes('denied')) return { action: 'deny', error: errorFields('42501', 'no') };
  return { action: 'forward', ticket: text, describe: phase === 'parse' && text.includes('secret') };
}

function start(judge: (request: JudgeRequest) => Decision | Promise<Decision>) {
  return createAllowAllHost({
    judge,
    describe: (_ticket, _index, fields) => fields.map((field) => (field.name === 'secret' ? stars : null)),
    copyOut: () => ({ masks: [null, stars], csv: null }),
    sampleRows: () => 1,
  });
}

function play(clientChunks: readonly Buffer[], serverChunks: readonly Buffer[]) {
  const { host, log } = start(decide);
  const engine = createPostgresEngine(host);
  for (const chunk of clientChunks) engine.fromClient(chunk);
  for (const chunk of serverChunks) engine.fromServer(chunk);
  return { log, engine, effects: effectsOf(log) };
}

/** The same for a host that copies: what it was given is overwritten as soon as it may be. */
function playInBorrowedMemory(clientChunks: readonly Buffer[], serverChunks: readonly Buffer[]) {
  const { host, log } = start(decide);
  const lent: Buffer[] = [];
  const engine = createPostgresEngine(
    {
      ...host,
      toClient(bytes) {
        log.toClient.push(Buffer.from(bytes));
        lent.push(bytes);
      },
    },
    { isHostCopying: true },
  );
  for (const chunk of clientChunks) engine.fromClient(chunk);
  for (const chunk of serverChunks) {
    const borrowed = Buffer.from(chunk);
    engine.fromServer(borrowed);
    for (const bytes of [borrowed, ...lent.splice(0)]) bytes.fill(0x58);
  }
  return effectsOf(log);
}

function effectsOf({ toServer, toClient, ...others }: HostLog) {
  return {
    toServer: Buffer.concat(toServer).toString('latin1'),
    toClient: Buffer.concat(toClient).toString('latin1'),
    ...others,
  };
}

describe('a conversation', () => {
  const whole = play([client], [server]).effects;

  it('has the expected effects in one piece', () => {
    expect(whole.ended).toEqual([]);
    expect(whole.toClient).not.toContain('hidden');
    expect(whole.toClient).not.toContain('syntax error');
    expect(whole.toServer).not.toContain('SELECT denied');
    expect(
      whole.finished.map(({ ticket, outcome }) => `${ticket} ${outcome.index} ${outcome.tag} ${outcome.rows}`),
    ).toEqual([
      "SELECT 'one'; SELECT 'two' 0 SELECT 1 1",
      "SELECT 'one'; SELECT 'two' 1 SELECT 2 2",
      'SELECT secret 0 SELECT 2 2',
      'COPY t FROM STDIN 0 COPY 2 0',
      'COPY t TO STDOUT 0 COPY 2 0',
      'SELECT broken 0 null 0',
    ]);
  });

  it('has the same effects however its bytes are split', () => {
    const cuts = fc.array(fc.nat(10_000), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, cuts, (a, b) => {
        expect(play(cut(client, a), cut(server, b)).effects).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it('has the same effects in memory that is used again', () => {
    const cuts = fc.array(fc.nat(10_000), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, cuts, (a, b) => {
        expect(playInBorrowedMemory(cut(client, a), cut(server, b))).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it('has the same effects byte by byte', () => {
    const bytes = (buffer: Buffer) => Array.from(buffer, (byte) => Buffer.from([byte]));
    expect(play(bytes(client), bytes(server)).effects).toEqual(whole);
  });

  it('has the same effects when every decision takes its time', async () => {
    const { host, log } = start((request) => new Promise((resolve) => setImmediate(() => resolve(decide(request)))));
    const engine = createPostgresEngine(host);
    for (const chunk of cut(client, [40, 100, 101, 300])) engine.fromClient(chunk);
    while (engine.paused) await new Promise((resolve) => setImmediate(resolve));
    engine.fromServer(server);
    expect(effectsOf(log)).toEqual(whole);
  });

  it('ends cleanly when it is cut at any byte: every forwarded statement is finished exactly once', () => {
    for (let end = 0; end < server.length; end++) {
      const { log, engine } = play([client], [Buffer.from(server.subarray(0, end))]);
      engine.fail(errorFields('08006', 'the target is lost'));
      const perTicket = new Map<unknown, number[]>();
      for (const { ticket, outcome } of log.finished)
        perTicket.set(ticket, [...(perTicket.get(ticket) ?? []), outcome.index]);
      expect(perTicket.size).toBe(5);
      for (const indexes of perTicket.values()) expect(indexes).toEqual(indexes.map((_, i) => i));
      expect(Buffer.concat(log.toClient).includes('hidden')).toBe(false);
      expect(log.ended).toHaveLength(1);
    }
    for (let end = 0; end < client.length; end++) {
      const { log, engine } = play([Buffer.from(client.subarray(0, end))], []);
      expect(engine.paused).toBe(false);
      expect(log.ended).toEqual([]);
    }
  });
});
