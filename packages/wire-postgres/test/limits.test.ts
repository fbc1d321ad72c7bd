import { describe, expect, it } from 'vitest';
import {
  createPostgresEngine,
  type Decision,
  type EngineHost,
  encodeBind,
  encodeCommandComplete,
  encodeExecute,
  encodeParameterStatus,
  encodeParse,
  encodeQuery,
  encodeReadyForQuery,
  encodeSync,
  encodeTerminate,
  errorFields,
} from '../src/index.ts';
import { createAllowAllHost } from './allow-all-host.ts';
import { copyResponse, dataRow, parseComplete, rawMessage, rowDescription } from './backend-messages.ts';
import { createSplitter, summarise } from './raw-client.ts';

function start(overrides: Partial<EngineHost> = {}, options = {}) {
  const { host, log } = createAllowAllHost(overrides);
  const engine = createPostgresEngine(host, options);
  const seen = () => createSplitter()(Buffer.concat(log.toClient)).map(([type, body]) => summarise(type, body));
  return { engine, log, seen, sent: () => Buffer.concat(log.toServer) };
}
const header = (type: string, length: number) => {
  const bytes = Buffer.alloc(5);
  bytes.write(type, 0, 'latin1');
  bytes.writeInt32BE(length, 1);
  return bytes;
};

describe('a client that breaks the protocol ends with FATAL and sends nothing on', () => {
  it.each([
    ['length 3', header('Q', 3)],
    ['length 0', header('S', 0)],
    ['negative length', header('Q', -1)],
    ['a Sync with a body', header('S', 5)],
    ['a Bind of more than 1 GB', header('B', 0x40000000)],
    ['a Query of more than 1 GB', header('Q', 0x40000000)],
    ['a Bind of 2 GB', header('B', 0x7fffffff)],
    ['CopyData of 2 GB', header('d', 0x7fffffff)],
    ['an unknown type', header('@', 4)],
    ['a password message', header('p', 8)],
    ['type 0', Buffer.alloc(5)],
  ])('%s', (_what, bytes) => {
    const { engine, log, seen, sent } = start();
    engine.fromClient(bytes);
    expect(seen()[0]).toMatch(/^E 08P01 the client sent /);
    expect(log.ended).toHaveLength(1);
    expect(sent().length).toBe(0);
    engine.fromClient(encodeQuery('SELECT 1'));
    expect(log.judged).toEqual([]);
  });
});

describe('a message that is framed well and wrong inside is denied; the connection stays', () => {
  const long = 'x'.repeat(2_000_000);
  it.each([
    [
      'a NUL inside a Query',
      [rawMessage('Q', Buffer.from('SELECT 1\0; DROP TABLE t\0'))],
      'E 08P01 a Query message has a NUL inside its text',
    ],
    ['a Query without end', [rawMessage('Q', Buffer.from('SELECT 1'))], 'E 08P01 a Query message has no end of text'],
    ['an empty Query body', [rawMessage('Q', Buffer.alloc(0))], 'E 08P01 a Query message has no end of text'],
    [
      'text that is not UTF-8',
      [rawMessage('Q', Buffer.from([0x41, 0xff, 0]))],
      'E 08P01 the statement text is not valid UTF-8',
    ],
    ['a Query of 2 MB', [encodeQuery(long)], 'E 54000 the statement text is larger than this gate takes'],
    ['a Parse of 2 MB', [encodeParse('', long)], 'E 54000 the statement text is larger than this gate takes'],
    [
      'a Parse that ends early',
      [rawMessage('P', Buffer.from('a\0SELECT 1\0\0'))],
      'E 08P01 a message ends in the middle of a field',
    ],
    [
      'a Bind that claims too many parameters',
      [rawMessage('B', Buffer.from('\0\0\0\0\xff\xff', 'latin1'))],
      'E 08P01 a message ends in the middle of a field',
    ],
    [
      'a Bind with an unknown format',
      [rawMessage('B', Buffer.from('\0\0\0\x01\0\x02\0\0\0\0', 'latin1'))],
      'E 08P01 a Bind message asks for the unknown format 2',
    ],
    [
      'an Execute that is too long',
      [rawMessage('E', Buffer.from('\0\0\0\0\0x'))],
      'E 08P01 a message is longer than its fields',
    ],
    [
      'a Describe of nothing',
      [rawMessage('D', Buffer.from('X\0'))],
      'E 08P01 a Describe or Close message names neither a statement nor a portal',
    ],
  ])('%s', (_what, messages, expected) => {
    const { engine, log, seen, sent } = start();
    engine.fromClient(Buffer.concat(messages));
    expect(seen()[0]).toBe(expected);
    expect(log.ended).toEqual([]);
    expect(log.judged).toEqual([]);
    expect(sent().length).toBe(0);
    engine.fromClient(encodeSync());
    engine.fromClient(encodeQuery('SELECT 1'));
    expect(log.judged).toHaveLength(1);
  });
});

describe('a server that breaks the protocol ends the connection', () => {
  it.each([
    ['a row without description', [dataRow('x')]],
    ['a row of another width', [rowDescription('a', 'b'), dataRow('x')]],
    [
      'a row whose cell is too long',
      [rowDescription('a'), rawMessage('D', Buffer.from('\0\x01\0\0\0\x09x', 'latin1'))],
    ],
    ['ParseComplete out of turn', [parseComplete]],
    ['CopyBoth', [rawMessage('W', Buffer.from([0, 0, 0]))]],
    ['a length of 3', [header('C', 3)]],
    ['a RowDescription of 1 GB', [header('T', 0x3fffffff)]],
    ['client_encoding', [encodeParameterStatus('client_encoding', 'LATIN1')]],
    ['standard_conforming_strings', [encodeParameterStatus('standard_conforming_strings', 'off')]],
    ['a second description', [rowDescription('a'), rowDescription('a')]],
  ])('%s', (_what, messages) => {
    const { engine, log, seen } = start({
      describe: (_ticket, _index, fields) => fields.map(() => ({ maxLength: () => 1, write: () => -1 })),
    });
    engine.fromClient(encodeQuery('SELECT 1'));
    engine.fromServer(Buffer.concat(messages));
    expect(seen().at(-1)).toMatch(/^E /);
    expect(log.ended).toHaveLength(1);
    expect(log.finished).toHaveLength(1);
  });
});

describe('memory', () => {
  it('a row of 1 GB in a clear result is relayed as it comes', () => {
    const { engine, log } = start();
    engine.fromClient(encodeQuery('SELECT 1'));
    engine.fromServer(Buffer.concat([rowDescription('a'), header('D', 0x3fffffff)]));
    const chunk = Buffer.alloc(65_536);
    for (let i = 0; i < 20; i++) engine.fromServer(chunk);
    expect(log.toClient.at(-1)).toBe(chunk);
  });

  it('CopyData of 1 GB is relayed as it comes', () => {
    const { engine, log } = start();
    engine.fromClient(encodeQuery('COPY t FROM STDIN'));
    engine.fromServer(copyResponse('G', 0, 1));
    engine.fromClient(header('d', 0x3fffffff));
    const chunk = Buffer.alloc(65_536);
    engine.fromClient(chunk);
    expect(log.toServer.at(-1)).toBe(chunk);
  });

  it.each(['Q', 'P'])('a statement text of 1 GB (%s) is denied at its head and passed over', (type) => {
    const { engine, log, seen, sent } = start();
    engine.fromClient(header(type, 0x3fffffff));
    const chunk = Buffer.alloc(65_536, 0x61);
    for (let i = 0; i < 20; i++) engine.fromClient(chunk);
    expect(seen()[0]).toBe('E 54000 the statement text is larger than this gate takes');
    expect(log.ended).toEqual([]);
    expect(sent().length).toBe(0);
  });

  it('client bytes behind a waiting judgement are bounded', () => {
    const never = new Promise<Decision>(() => undefined);
    const { engine, log } = start({ judge: () => never }, { maxBufferedBytes: 1000 });
    engine.fromClient(encodeQuery('SELECT 1'));
    expect(engine.paused).toBe(true);
    engine.fromClient(Buffer.alloc(900));
    expect(log.ended).toEqual([]);
    engine.fromClient(Buffer.alloc(200));
    expect(log.ended).toHaveLength(1);
  });

  it('one chunk of whole clear rows is handed on as the same buffer, in one call', () => {
    const { engine, log } = start();
    engine.fromClient(encodeQuery('SELECT 1'));
    const chunk = Buffer.concat([
      rowDescription('a'),
      dataRow('1'),
      dataRow('2'),
      encodeCommandComplete('SELECT 2'),
      encodeReadyForQuery('I'),
    ]);
    engine.fromServer(chunk);
    expect(log.toClient).toEqual([chunk]);
    expect(log.toClient[0]).toBe(chunk);
  });
});

describe('ends and notices', () => {
  it('Terminate is relayed and ends the engine without an error', () => {
    const { engine, log, sent } = start();
    engine.fromClient(encodeTerminate());
    expect(sent()).toEqual(encodeTerminate());
    expect(log.ended).toEqual([null]);
  });

  it('a notice waits for the end of a row that is relayed in parts', () => {
    const { engine, seen } = start();
    engine.fromClient(encodeQuery('SELECT 1'));
    const row = dataRow('0123456789');
    engine.fromServer(Buffer.concat([rowDescription('a'), row.subarray(0, 9)]));
    engine.notice(errorFields('00000', 'wait for it', null, 'NOTICE'));
    engine.fromServer(row.subarray(9));
    expect(seen()).toEqual(['T a', 'D 0123456789', 'N 00000 wait for it']);
  });

  it('fail tells the open statements and the client', () => {
    const { engine, log, seen } = start();
    engine.fromClient(encodeQuery('SELECT 1'));
    engine.fail(errorFields('57P01', 'the session was ended'));
    engine.fail(errorFields('57P01', 'again'));
    expect(seen()).toEqual(['E 57P01 the session was ended']);
    expect(log.finished).toMatchObject([{ outcome: { tag: null, error: { S: 'FATAL' } } }]);
    expect(log.ended).toHaveLength(1);
  });

  it('a host that throws or rejects denies', async () => {
    const throwing = start({ judge: () => JSON.parse('{') });
    throwing.engine.fromClient(encodeQuery('SELECT 1'));
    expect(throwing.seen()).toEqual(['E XX000 the statement could not be judged, so it was not run', 'Z I']);
    const rejecting = start({ judge: () => Promise.reject(new Error('worker died')) });
    rejecting.engine.fromClient(encodeQuery('SELECT 1'));
    await Promise.resolve();
    await Promise.resolve();
    expect(rejecting.seen()).toEqual(['E XX000 the statement could not be judged, so it was not run', 'Z I']);
    expect(rejecting.sent().length).toBe(0);
  });

  it('a decision that comes after the end changes nothing', async () => {
    let decide: (decision: Decision) => void = () => undefined;
    const { engine, log, sent } = start({ judge: () => new Promise((resolve) => (decide = resolve)) });
    engine.fromClient(encodeQuery('SELECT 1'));
    const own = engine.query('SELECT 2');
    const before = sent().length;
    engine.fail(errorFields('57P01', 'killed'));
    decide({ action: 'forward', ticket: 1, describe: false });
    await expect(own).rejects.toThrow();
    expect(sent().length).toBe(before);
    expect(log.finished).toEqual([]);
  });

  it('a server that reads text otherwise is refused at once', () => {
    expect(() => start({}, { parameterStatus: new Map([['client_encoding', 'LATIN1']]) })).toThrow(/UTF8/);
  });

  it('an error that cannot be read is replaced by a generic one', () => {
    const { engine, seen } = start();
    engine.fromClient(encodeQuery('SELECT 1'));
    engine.fromServer(Buffer.concat([rawMessage('E', Buffer.from('Mleak')), encodeReadyForQuery('I')]));
    expect(seen()).toEqual(['E XX000 the target sent an error that cannot be read', 'Z I']);
  });

  it('errors and notices pass the host', () => {
    const { engine, seen } = start({
      redact: (_ticket, kind, fields) => ({ ...fields, M: `${kind} redacted` }),
      notification: () => null,
    });
    engine.fromClient(encodeQuery('SELECT 1'));
    const notification = rawMessage('A', Buffer.from('\0\0\0\x01doors\0open\0', 'latin1'));
    engine.fromServer(Buffer.concat([rawMessage('N', Buffer.from('Msecret\0C00000\0\0')), notification]));
    engine.fromServer(Buffer.concat([rawMessage('E', Buffer.from('Msecret\0C22012\0\0')), encodeReadyForQuery('I')]));
    expect(seen()).toEqual(['N 00000 notice redacted', 'E 22012 error redacted', 'Z I']);
  });

  it('a denial that is fatal ends the connection', () => {
    const { engine, log, seen } = start({
      judge: () => ({ action: 'deny', error: errorFields('57P01', 'killed'), fatal: true }),
    });
    engine.fromClient(
      Buffer.concat([encodeParse('', 'SELECT 1'), encodeBind('', ''), encodeExecute(''), encodeSync()]),
    );
    expect(seen()).toEqual(['E 57P01 killed']);
    expect(log.ended).toMatchObject([{ S: 'FATAL' }]);
  });
});
