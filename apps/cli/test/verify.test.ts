import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRecordingWriter, entryHeadBytes, type RecordingAnchor, writeEntry } from '@weir/recording';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endedSession, type GatewayStub, refusal, startGatewayStub } from './fixture/gateway-stub.ts';
import { newFolder, runWeir } from './fixture/run-weir.ts';

const signingKey = generateKeyPairSync('ed25519').privateKey;

/** A sealed recording with two chunks. */
async function record(session: string): Promise<{ bytes: Buffer; anchor: RecordingAnchor }> {
  const writer = createRecordingWriter({ session, createdAtMs: 1, masterKey: Buffer.alloc(32, 7), signingKey });
  const pieces: Buffer[] = [writer.head];
  for (const sequence of [1, 2]) {
    const json = Buffer.from(JSON.stringify({ event: 'note', atMs: 5, code: 'x', message: 'y', statement: null }));
    const entry = Buffer.alloc(entryHeadBytes + json.length);
    writeEntry(entry, 0, 1, sequence, 1_700_000_000_000, json);
    pieces.push(await writer.chunk(entry, 1));
  }
  pieces.push(writer.seal());
  return { bytes: Buffer.concat(pieces), anchor: writer.anchor(`${session}.weirrec`) };
}

let whole: Awaited<ReturnType<typeof record>>;
let second: Awaited<ReturnType<typeof record>>;
let gateway: GatewayStub;
let home: string;
beforeAll(async () => {
  whole = await record('ses_one');
  second = await record('ses_two');
  gateway = await startGatewayStub({
    'GET /api/v1/sessions': [],
    'GET /api/v1/recordings': [whole.anchor, second.anchor],
  });
  home = newFolder();
  const args = ['login', '--gateway', gateway.url, '--user', 'alice', '--password-stdin'];
  await runWeir(args, { home, input: 'secret' });
});
afterAll(() => gateway.close());

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

interface Check {
  session: string;
  ok: boolean;
  status: string;
  chunk?: number;
  offset?: number;
}

async function verifyOnline(): Promise<{ status: number | null; checks: Check[]; stderr: string }> {
  const { status, stdout, stderr } = await runWeir(['audit', 'verify', '--json'], { home });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { status, checks: lines.map((line) => JSON.parse(line) as Check), stderr };
}

describe('weir audit verify', () => {
  it('says that whole recordings are whole', async () => {
    gateway.answers['GET /api/v1/recordings/ses_one'] = whole.bytes;
    gateway.answers['GET /api/v1/recordings/ses_two'] = second.bytes;
    const { status, checks } = await verifyOnline();
    expect(status).toBe(0);
    expect(checks.map(({ ok, status: state }) => [ok, state])).toEqual([
      [true, 'sealed'],
      [true, 'sealed'],
    ]);
  });

  it.each([
    ['a changed byte', () => flipped(whole.bytes, Math.floor(whole.bytes.length / 2)), 'broken'],
    ['a cut tail', () => whole.bytes.subarray(0, whole.bytes.length - 1), 'broken'],
    ['an added byte', () => Buffer.concat([whole.bytes, Buffer.from([0])]), 'broken'],
    ['the recording of another session', () => second.bytes, 'broken'],
    ['a file that is gone', () => refusal(500, 'evidence_broken', 'It cannot be opened.'), 'missing'],
  ])('finds %s, exit status 1', async (_name, answer, state) => {
    gateway.answers['GET /api/v1/recordings/ses_one'] = answer();
    gateway.answers['GET /api/v1/recordings/ses_two'] = second.bytes;
    const { status, checks, stderr } = await verifyOnline();
    expect(status).toBe(1);
    expect(checks.map(({ session, status: found }) => [session, found])).toEqual([
      ['ses_one', state],
      ['ses_two', 'sealed'],
    ]);
    expect(stderr).toContain('code: evidence_broken');
    expect(stderr).toContain('why: ses_one: ');
  });

  it('names chunk and offset', async () => {
    gateway.answers['GET /api/v1/recordings/ses_one'] = flipped(whole.bytes, whole.bytes.length - 200);
    const { checks } = await verifyOnline();
    expect(checks[0]).toMatchObject({ chunk: 1, offset: expect.any(Number) });
  });

  it('finds a sealed session whose anchor was removed', async () => {
    gateway.answers['GET /api/v1/recordings/ses_one'] = whole.bytes;
    gateway.answers['GET /api/v1/sessions'] = [{ ...endedSession, id: 'ses_gone' }];
    const { status, checks } = await verifyOnline();
    gateway.answers['GET /api/v1/sessions'] = [];
    expect(status).toBe(1);
    expect(checks.at(-1)).toMatchObject({ session: 'ses_gone', status: 'missing' });
  });

  it('works offline: whole, changed, removed and strange files', async () => {
    const folder = newFolder();
    const anchors = join(newFolder(), 'anchors.json');
    writeFileSync(anchors, JSON.stringify([whole.anchor, second.anchor]));
    writeFileSync(join(folder, whole.anchor.file), whole.bytes);
    writeFileSync(join(folder, second.anchor.file), second.bytes);
    const verify = () => runWeir(['audit', 'verify', '--offline', folder, '--anchors', anchors], { home: newFolder() });
    expect(await verify()).toMatchObject({ status: 0 });
    writeFileSync(join(folder, whole.anchor.file), flipped(whole.bytes, 300));
    rmSync(join(folder, second.anchor.file));
    writeFileSync(join(folder, 'strange.weirrec'), whole.bytes);
    const { status, stdout } = await verify();
    expect(status).toBe(1);
    const found = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t').slice(0, 3).join(' '));
    expect(found).toEqual(['BROKEN ses_one broken', 'BROKEN ses_two missing', 'BROKEN ses_one unanchored']);
  });
});
