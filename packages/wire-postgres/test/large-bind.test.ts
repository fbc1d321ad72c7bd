import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createPostgresEngine,
  type EngineOptions,
  encodeBind,
  encodeCommandComplete,
  encodeErrorResponse,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeReadyForQuery,
  encodeSync,
  errorFields,
  type Parameter,
} from '../src/index.ts';
import { createAllowAllHost } from './allow-all-host.ts';
import { bindComplete, copyResponse, noData, parseComplete, rawMessage } from './backend-messages.ts';
import { createSplitter, summarise } from './raw-client.ts';

function start(options: EngineOptions = {}) {
  const judged: (readonly Parameter[])[] = [];
  const { host, log } = createAllowAllHost({
    judge(request) {
      if (request.phase === 'execute') judged.push(request.parameters);
      return request.text.includes('denied')
        ? { action: 'deny', error: errorFields('42501', 'no') }
        : { action: 'forward', ticket: request.text, describe: false };
    },
  });
  const engine = createPostgresEngine(host, options);
  const seen = () => createSplitter()(Buffer.concat(log.toClient)).map(([type, body]) => summarise(type, body));
  return { engine, log, judged, seen, sent: () => Buffer.concat(log.toServer) };
}
const split = (bytes: Buffer, cuts: readonly number[]) => {
  const points = [...new Set(cuts.map((point) => point % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, i) => Buffer.from(bytes.subarray(from, points[i] ?? bytes.length)));
};
const parse = encodeParse('s', 'INSERT INTO t VALUES ($1)');
const answers = Buffer.concat([
  ...[parseComplete, bindComplete, noData, encodeCommandComplete('INSERT 0 1'), encodeReadyForQuery('I')],
]);

describe('a Bind that goes on while it comes', () => {
  const value = fc.option(fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)));
  const cuts = fc.array(fc.nat(5000), { maxLength: 40 });

  it('has the same effects as one that was put together, however it is split', () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 12 }),
        fc.constantFrom([], [0], [1]),
        cuts,
        fc.nat(600),
        (given, formats, at, wholeBindBytes) => {
          const bind = encodeBind('p', 's', { parameters: given, parameterFormats: formats, resultFormats: [1] });
          const stream = Buffer.concat([parse, bind, encodeExecute('p'), encodeSync()]);
          const whole = start();
          whole.engine.fromClient(stream);
          const parts = start({ wholeBindBytes });
          for (const piece of split(stream, at)) parts.engine.fromClient(piece);
          expect(parts.sent()).toEqual(whole.sent());
          expect(parts.judged).toEqual(whole.judged);
          for (const { engine } of [whole, parts]) engine.fromServer(answers);
          expect(parts.seen()).toEqual(whole.seen());
          expect(parts.log.ended).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('shows the host the length, the beginning and the hash of what was not kept', () => {
    const large = Buffer.alloc(3_000_000, 'abcdefg');
    const many = Array.from({ length: 40 }, (_, i) => Buffer.alloc(60_000, i));
    const { engine, judged, sent } = start();
    const bind = encodeBind('', 's', { parameters: [large, Buffer.from('small'), null, ...many] });
    for (const piece of split(Buffer.concat([parse, bind, encodeExecute('')]), [100_000, 1_000_000, 2_999_999]))
      engine.fromClient(piece);
    const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    const [first, second, third, ...rest] = judged[0] ?? [];
    expect(first).toMatchObject({ length: 3_000_000, head: large.subarray(0, 65_536), sha256: sha256(large) });
    expect([second, third]).toEqual([Buffer.from('small'), null]);
    // All together no more than 1 MiB is kept.
    const kept = rest.map((parameter) => (Buffer.isBuffer(parameter) ? parameter : (parameter?.head as Buffer)));
    expect(kept.reduce((sum, bytes) => sum + bytes.length, 0)).toBeLessThanOrEqual(1024 * 1024);
    rest.forEach((parameter, i) => {
      const bytes = many[i] as Buffer;
      if (Buffer.isBuffer(parameter)) expect(parameter).toEqual(bytes);
      else expect(parameter).toMatchObject({ length: 60_000, sha256: sha256(bytes) });
    });
    expect(sent().includes(bind)).toBe(true);
  });

  const large = (portal = '', statement = 's') =>
    encodeBind(portal, statement, { parameters: [Buffer.alloc(5000, 1)] });
  const small = { wholeBindBytes: 100 };
  const inHalves = (engine: { fromClient(chunk: Buffer): void }, bytes: Buffer) => {
    for (const piece of split(bytes, [3, 7, 40, 1000, 3000])) engine.fromClient(piece);
  };

  it.each([
    ['an unknown statement', large('', 'nothing'), 'E 26000 prepared statement "nothing" does not exist'],
    ['a reserved name', large('weir.x'), 'E 42602 portal names that begin with "weir." are reserved'],
  ])('%s is denied, nothing of it is sent, and the connection stays', (_what, bind, expected) => {
    const { engine, seen, sent, log } = start(small);
    engine.fromClient(Buffer.concat([parse, encodeSync()]));
    engine.fromServer(Buffer.concat([parseComplete, encodeReadyForQuery('I')]));
    const before = sent().length;
    inHalves(engine, bind);
    expect(seen().at(-1)).toBe(expected);
    expect(sent().length).toBe(before);
    engine.fromClient(encodeSync());
    engine.fromServer(encodeReadyForQuery('I'));
    engine.fromClient(encodeQuery('SELECT 1'));
    expect(log.ended).toEqual([]);
    expect(sent().includes(Buffer.from('SELECT 1'))).toBe(true);
  });

  it('waits while nobody knows what its statement is', () => {
    const { engine, sent, seen } = start(small);
    engine.fromClient(Buffer.concat([parse, encodeSync()]));
    const before = sent().length;
    inHalves(engine, Buffer.concat([large(), encodeExecute(''), encodeSync()]));
    expect([engine.paused, sent().length]).toEqual([true, before]);
    engine.fromServer(Buffer.concat([parseComplete, encodeReadyForQuery('I')]));
    expect(engine.paused).toBe(false);
    expect(sent().includes(large())).toBe(true);
    engine.fromServer(
      Buffer.concat([bindComplete, noData, encodeCommandComplete('INSERT 0 1'), encodeReadyForQuery('I')]),
    );
    expect(seen().at(-1)).toBe('Z I');
  });

  it('is discarded behind an error of its pipeline, before it and in the middle of it', () => {
    for (const cut of [0, 2, 30, 2000]) {
      const { engine, sent, log, seen } = start(small);
      engine.fromClient(Buffer.concat([encodeParse('x', 'broken'), parse]));
      const bind = large();
      engine.fromClient(bind.subarray(0, cut));
      engine.fromServer(encodeErrorResponse(errorFields('42601', 'syntax error')));
      engine.fromClient(Buffer.concat([bind.subarray(cut), encodeExecute(''), encodeSync()]));
      // What the server has begun to read it must get to its end.
      expect([cut, sent().includes(bind)]).toEqual([cut, cut >= 30]);
      engine.fromServer(encodeReadyForQuery('I'));
      expect([cut, seen()]).toEqual([cut, ['E 42601 syntax error', 'Z I']]);
      expect(log.ended).toEqual([]);
    }
  });

  const body = (text: string) => rawMessage('B', Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(200)]));
  it.each([
    ['a negative length', body('\0s\0\0\0\0\x01\xff\xff\xff\xfe')],
    ['bytes behind its end', body('\0s\0\0\0\0\x01\0\0\0\x01x\0\0')],
    ['a value that is longer than the message', body('\0s\0\0\0\0\x01\0\x01\0\0')],
    ['an unknown result format', body('\0s\0\0\0\0\0\0\x01\0\x07')],
    ['more formats than values', body('\0s\0\0\x02\0\0\0\0\0\x01')],
    ['names without end', rawMessage('B', Buffer.alloc(400_000, 0x61))],
  ])('%s ends the connection', (_what, bind) => {
    const { engine, seen, log, judged } = start(small);
    engine.fromClient(parse);
    inHalves(engine, bind);
    engine.fromClient(encodeExecute(''));
    expect(seen().at(-1)).toMatch(/^E 08P01/);
    expect(log.ended).toHaveLength(1);
    expect(judged).toEqual([]);
  });

  it('nothing of ours comes between its parts: a COPY that begins meanwhile ends the connection', () => {
    const { engine, log } = start(small);
    engine.fromClient(
      Buffer.concat([encodeParse('', 'COPY t FROM STDIN'), encodeBind('', ''), encodeExecute(''), parse]),
    );
    engine.fromClient(large().subarray(0, 2000));
    engine.fromServer(Buffer.concat([parseComplete, bindComplete, noData, copyResponse('G', 0, 1)]));
    expect(log.ended).toHaveLength(1);
  });

  it('of 100 MB takes little memory', () => {
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let total = 0;
    const { host, log } = createAllowAllHost({
      toServer(bytes) {
        total += bytes.length;
      },
    });
    const engine = createPostgresEngine(host);
    engine.fromClient(parse);
    const size = 100_000_000;
    const head = Buffer.alloc(16);
    head.write('B', 0, 'latin1');
    head.writeInt32BE(4 + 11 + size + 2, 1);
    head.write('s', 6, 'latin1');
    head.writeInt16BE(1, 10);
    head.writeInt32BE(size, 12);
    engine.fromClient(head);
    const chunk = Buffer.alloc(100_000, 0x61);
    for (let i = 0; i < size / chunk.length; i++) {
      engine.fromClient(chunk);
      if (i % 100 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    engine.fromClient(Buffer.concat([Buffer.alloc(2), encodeExecute(''), encodeSync()]));
    expect(log.ended).toEqual([]);
    expect(most).toBeLessThan(50_000_000);
    expect(total).toBeGreaterThan(size);
    expect(log.judged.at(-1)).toMatchObject({
      phase: 'execute',
      parameters: [expect.stringMatching(/^100000000 bytes/)],
    });
  });
});
