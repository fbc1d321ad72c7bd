import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  encodeBind,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
} from '../src/index.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

let server: RealServer;
let relay: Relay;
let client: RawClient;
beforeAll(async () => {
  server = await startRealServer();
  relay = await startRelay(server.socketPath);
  client = await connectRaw(relay.port);
  await client.exchange([encodeQuery('CREATE TABLE goods (id int)')]);
});
afterAll(async () => {
  client.close();
  await relay.close();
  await server.stop();
});
afterEach(async () => {
  expect(await client.exchange([encodeQuery("SELECT 'usable'")])).toEqual([
    'T ?column?',
    'D usable',
    'C SELECT 1',
    'Z I',
  ]);
  await client.exchange([encodeQuery('TRUNCATE goods')]);
});

const data = (...rows: string[]) => rows.map((row) => encodeCopyData(Buffer.from(`${row}\n`)));
const extended = [
  encodeParse('', 'COPY goods FROM STDIN'),
  encodeBind('', ''),
  encodeDescribe('P', ''),
  encodeExecute(''),
];
const began = ['1', '2', 'n', 'G'];
const sawCopyIn = (seen: readonly string[]) => seen.includes('G');

describe('COPY FROM STDIN', () => {
  it('simple, all at once', async () => {
    const out = await client.exchange(
      [
        encodeQuery('COPY goods FROM STDIN'),
        ...data('1', '2'),
        encodeCopyDone(),
        encodeQuery('SELECT count(*) FROM goods'),
      ],
      2,
    );
    expect(out).toEqual(['G', 'C COPY 2', 'Z I', 'T count', 'D 2', 'C SELECT 1', 'Z I']);
  });

  it('simple, refused by the client', async () => {
    const out = await client.exchange([
      encodeQuery('COPY goods FROM STDIN'),
      ...data('1'),
      encodeCopyFail('changed my mind'),
    ]);
    expect(out).toEqual(['G', 'E 57014 COPY from stdin failed: changed my mind', 'Z I']);
  });

  it('simple, an error while data is still sent', async () => {
    const out = await client.exchange([encodeQuery('COPY goods FROM STDIN'), ...data('bad')], 1);
    expect(out.at(-1)).toBe('Z I');
    client.send(...data('1', '2'), encodeCopyDone());
  });

  it('extended, as libpq does it: Sync before the data, and again behind it', async () => {
    client.send(...extended, encodeSync());
    expect(await client.until(sawCopyIn)).toEqual(began);
    expect(await client.exchange([...data('1', '2'), encodeCopyDone(), encodeSync()])).toEqual(['C COPY 2', 'Z I']);
  });

  it('extended, a Sync in the middle of the data is ignored', async () => {
    client.send(...extended);
    client.send(encodeQuery('').subarray(0, 0), Buffer.from([0x48, 0, 0, 0, 4]));
    await client.until(sawCopyIn);
    expect(await client.exchange([...data('1'), encodeSync(), ...data('2'), encodeCopyDone(), encodeSync()])).toEqual([
      'C COPY 2',
      'Z I',
    ]);
  });

  it('extended, all at once', async () => {
    expect(await client.exchange([...extended, ...data('1'), encodeCopyDone(), encodeSync()])).toEqual([
      ...began,
      'C COPY 1',
      'Z I',
    ]);
  });

  it('extended, an error in the data skips to Sync', async () => {
    client.send(...extended, encodeSync());
    await client.until(sawCopyIn);
    client.send(...data('bad'), ...data('1'), encodeCopyDone());
    expect((await client.until((seen) => seen.length > 0))[0]).toMatch(/^E 22P02/);
    expect(await client.exchange([encodeSync()])).toEqual(['Z I']);
  });

  it('extended, a trigger fails before the data: the Sync that came with it is answered', async () => {
    await client.exchange([
      encodeQuery(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON goods FOR EACH STATEMENT EXECUTE FUNCTION refuse()`),
    ]);
    const out = await client.exchange([...extended, encodeSync()]);
    expect(out).toEqual([...began, 'E P0001 refused', 'Z I']);
    expect(await client.exchange([encodeCopyDone(), encodeSync()])).toEqual(['Z I']);
    await client.exchange([encodeQuery('DROP TRIGGER refuse ON goods')]);
  });
});
