import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CellMask,
  encodeBind,
  encodeCopyData,
  encodeCopyDone,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
  errorFields,
} from '../src/index.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

let server: RealServer;
let relay: Relay;
let client: RawClient;
const no = 'E 42501 a mask';
const defaults = { delimiter: '\t', nullText: '\\N', header: false };

/** Refuses `***` in the second column. */
function look(ticket: unknown) {
  const csv = String(ticket).includes('csv');
  let found = false;
  const looking: CellMask = {
    maxLength: (length) => length,
    write(source, start, end, target, offset) {
      if (source.toString('utf8', start, end) === '***') found = true;
      return source.copy(target, offset, start, end);
    },
  };
  return {
    masks: [null, looking],
    csv: csv ? { ...defaults, delimiter: ',', quote: '"', escape: '"', nullText: '' } : null,
    text: defaults,
    refusal: () => (found ? errorFields('42501', 'a mask') : null),
  };
}

beforeAll(async () => {
  server = await startRealServer();
  relay = await startRelay(server.socketPath, () => ({ copyIn: look }));
  client = await connectRaw(relay.port);
  await client.exchange([encodeQuery('CREATE TABLE goods (id int, name text)')]);
});
afterAll(async () => {
  client.close();
  await relay.close();
  await server.stop();
});

const names = async () => {
  const out = await client.exchange([encodeQuery('SELECT name FROM goods ORDER BY id')]);
  await client.exchange([encodeQuery('TRUNCATE goods')]);
  return out.filter((m) => m.startsWith('D ')).map((m) => m.slice(2));
};
const asked = (seen: readonly string[]) => seen.includes('G');
const data = (text: string) => encodeCopyData(Buffer.from(text));
const binary = (value: string) => {
  const head = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
  const row = Buffer.alloc(2 + 4 + 4 + 4);
  row.writeInt16BE(2, 0);
  row.writeInt32BE(4, 2);
  row.writeInt32BE(1, 6);
  row.writeInt32BE(value.length, 10);
  return encodeCopyData(Buffer.concat([head, row, Buffer.from(value), Buffer.from([0xff, 0xff])]));
};

describe.each([
  ['text', 'COPY goods FROM STDIN', data('1\tx\n2\ty\n'), data('1\tx\n2\t***\n3\tz\n')],
  ['csv', 'COPY goods FROM STDIN csv', data('1,x\n2,"y"\n'), data('1,x\n2,"***"\n')],
  ['binary', 'COPY goods FROM STDIN binary', binary('x'), binary('***')],
])('COPY FROM STDIN, %s', (_format, text, good, bad) => {
  it('goes through as it is when the host sees nothing', async () => {
    client.send(encodeQuery(text));
    await client.until(asked);
    expect((await client.exchange([good, encodeCopyDone()]))[0]).toMatch(/^C COPY/);
    expect((await names()).slice(0, 1)).toEqual(['x']);
  });

  it('simple: ends with the host’s error, and nothing of it stays', async () => {
    client.send(encodeQuery(text));
    await client.until(asked);
    expect(await client.exchange([bad, data('9\tmore\n'), encodeCopyDone()])).toEqual([no, 'Z I']);
    expect(await names()).toEqual([]);
  });

  it('simple: a client that waits for nothing but the error', async () => {
    client.send(encodeQuery(text));
    await client.until(asked);
    client.send(bad);
    expect(await client.until((seen) => seen.some((m) => m.startsWith('Z')))).toEqual([no, 'Z I']);
    expect(await names()).toEqual([]);
  });

  it('extended', async () => {
    const begin = [encodeParse('', text), encodeBind('', ''), encodeDescribe('P', ''), encodeExecute('')];
    client.send(...begin, encodeSync());
    await client.until(asked);
    expect(await client.exchange([bad, encodeCopyDone(), encodeSync()])).toEqual([no, 'Z I']);
    expect(await names()).toEqual([]);
  });

  it('in pieces of one byte, and cut across messages', async () => {
    client.send(encodeQuery(text));
    await client.until(asked);
    const bytes = bad.subarray(5);
    for (const byte of bytes) client.send(encodeCopyData(Buffer.from([byte])));
    expect(await client.exchange([encodeCopyDone()])).toEqual([no, 'Z I']);
    expect(await names()).toEqual([]);
  });
});

it('data that does not fit is the server’s to refuse', async () => {
  client.send(encodeQuery('COPY goods FROM STDIN'));
  await client.until(asked);
  const [error, ready] = await client.exchange([data('1\n2\t***\n'), encodeCopyDone()]);
  expect(error).toMatch(/^E 22P04 missing data/);
  expect(ready).toBe('Z I');
});
