import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isWeirError } from '@weir/errors';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Journal } from '../src/dataplane/ports.ts';
import {
  type AnchorStore,
  createJournal,
  createMemoryAnchorStore,
  type JournalOptions,
  loadOrCreateRecordingKeys,
  type SyncFile,
  verifyAll,
} from '../src/recordings/index.ts';
import { collect, createTestLog, isInPlace, makeFolder, noteJson, testKeys } from './recordings/evidence.ts';

const folders: string[] = [];
const journals: Journal[] = [];
afterEach(async () => {
  await Promise.all(journals.splice(0).map((journal) => journal.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folder(): string {
  const dir = makeFolder();
  folders.push(dir);
  return dir;
}

async function open(dir: string, anchors: AnchorStore, more: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await createJournal({
    dir,
    ...testKeys,
    anchors,
    now: Date.now,
    log: createTestLog(),
    segmentBytes: 256 * 1024,
    ...more,
  });
  journals.push(journal);
  return journal;
}

const durable = (journal: Journal, position: number): Promise<void> =>
  new Promise((resolve) => journal.whenDurable(position, resolve));

const opened = {
  event: 'session-opened',
  atMs: 1,
  principal: 'p',
  connection: 'c',
  agent: 'a',
  clientAddress: '',
  via: 'native',
} as const;
const closed = { event: 'session-closed', atMs: 2, reason: 'done' } as const;

const statuses = async (dir: string, anchors: AnchorStore): Promise<[string | null, string][]> =>
  (await collect(verifyAll({ dir, anchors }))).map(({ session, status }) => [session, status]);

describe('journal', () => {
  it('calls back in order of position, after the sync, and shares a sync among entries of one turn', async () => {
    const syncs: (() => void)[] = [];
    const sync: SyncFile = (_, callback) => syncs.push(() => callback(null));
    const dir = folder();
    const journal = await open(dir, createMemoryAnchorStore(), { sync });
    const order: number[] = [];
    const positions = [1, 2, 3].map((sequence) => journal.append('s1', 1, sequence, noteJson('s1', 1, sequence)));
    for (const position of [...positions].reverse()) journal.whenDurable(position, () => order.push(position));
    await new Promise(setImmediate);
    expect(order).toEqual([]);
    const next = journal.append('s2', 1, 1, noteJson('s2', 1, 1));
    expect(syncs.length).toBe(1);
    expect(journal.durable).toBe(0);
    syncs[0]?.();
    expect(order).toEqual(positions);
    expect(journal.durable).toBe(3);
    let told = false;
    journal.whenDurable(3, () => {
      told = true;
    });
    expect(told).toBe(true);
    // The last commit had company, so this one begins when somebody waits for it.
    expect(syncs.length).toBe(1);
    journal.whenDurable(next, () => order.push(next));
    await new Promise(setImmediate);
    syncs[1]?.();
    expect(journal.durable).toBe(next);
    expect(order).toEqual([...positions, next]);
  });

  it('commits at once what is alone, and in company what nobody asks for within a moment', async () => {
    const syncs: (() => void)[] = [];
    const sync: SyncFile = (_, callback) => syncs.push(() => callback(null));
    const journal = await open(folder(), createMemoryAnchorStore(), { sync });
    const append = (sequence: number) => journal.append('s1', 1, sequence, noteJson('s1', 1, sequence));
    append(1);
    await new Promise(setImmediate);
    expect(syncs.length).toBe(1);
    append(2);
    append(3);
    syncs[0]?.();
    await new Promise(setImmediate);
    expect(syncs.length).toBe(2);
    const last = append(4);
    syncs[1]?.();
    await new Promise(setImmediate);
    expect(syncs.length).toBe(2);
    await vi.waitFor(() => expect(syncs.length).toBe(3));
    syncs[2]?.();
    expect(journal.durable).toBe(last);
  });

  it('copies what is appended', async () => {
    const journal = await open(folder(), createMemoryAnchorStore());
    const json = noteJson('s1', 1, 1);
    const position = journal.append('s1', 1, 1, json);
    json.fill(0);
    await durable(journal, position);
    const [entry] = await collect(journal.read('s1'));
    expect(entry && isInPlace(entry)).toBe(true);
  });

  it('brings many sessions through segments into sealed recordings, and gives segments back', async () => {
    const dir = folder();
    const anchors = createMemoryAnchorStore();
    const journal = await open(dir, anchors, { cutBytes: 8 * 1024 });
    const sessions = Array.from({ length: 12 }, (_, at) => `s${at}`);
    const run = async (session: string): Promise<void> => {
      journal.note(session, opened);
      for (let sequence = 1; sequence <= 120; sequence += 1) {
        const json = noteJson(session, 1 + (sequence % 3), sequence, (sequence * 37) % 900);
        const position = journal.append(session, 1 + (sequence % 3), sequence, json);
        if (sequence % 10 === 0) await durable(journal, position);
        if (sequence === 60) {
          const seen = await collect(journal.read(session));
          expect(seen.length).toBe(61);
          expect(seen.every(isInPlace)).toBe(true);
        }
      }
      journal.note(session, closed);
      await journal.sessionEnded(session);
    };
    await Promise.all(sessions.map(run));
    for (const session of sessions) {
      const entries = await collect(journal.read(session));
      expect(entries.length).toBe(122);
      expect(entries.every(isInPlace)).toBe(true);
      expect(entries.filter((entry) => entry.channel > 0).map((entry) => entry.sequence)).toEqual(
        Array.from({ length: 120 }, (_, at) => at + 1),
      );
    }
    expect((await statuses(dir, anchors)).sort()).toEqual(sessions.map((session) => [session, 'sealed']).sort());
    await journal.close();
    const bytes = readdirSync(join(dir, 'journal')).filter((name) => name.startsWith('journal-'));
    expect(bytes.length).toBeLessThanOrEqual(3);
    const files = readdirSync(join(dir, 'journal')).map((name) => readFileSync(join(dir, 'journal', name), 'latin1'));
    expect(files.every((content) => !content.includes('xxxx'))).toBe(true);
  });

  it('cuts long sessions by age, and they verify while they live', async () => {
    const dir = folder();
    const anchors = createMemoryAnchorStore();
    const journal = await open(dir, anchors, { cutAfterMs: 10 });
    journal.append('s1', 1, 1, noteJson('s1', 1, 1));
    while ((await anchors.get('s1')) === null) await new Promise((resolve) => setTimeout(resolve, 10));
    journal.append('s1', 1, 2, noteJson('s1', 1, 2));
    expect((await collect(journal.read('s1'))).map((entry) => entry.sequence)).toEqual([1, 2]);
    expect(await statuses(dir, anchors)).toEqual([['s1', 'open']]);
    expect(await anchors.get('s1')).toMatchObject({ entries: 1, sealed: false, file: 's1.part' });
  });

  it('takes entries larger than a block and refuses what fits nowhere', async () => {
    const dir = folder();
    const journal = await open(dir, createMemoryAnchorStore(), { segmentBytes: 4 * 1024 * 1024 });
    const position = journal.append('s1', 1, 1, noteJson('s1', 1, 1, 3_000_000));
    expect(() => journal.append('s1', 1, 2, noteJson('s1', 1, 2, 4_200_000))).toThrow(
      expect.objectContaining({ code: 'message_too_large' }),
    );
    await durable(journal, journal.append('s1', 1, 2, noteJson('s1', 1, 2, 2_000_000)));
    expect(position).toBe(1);
    await journal.sessionEnded('s1');
    expect((await collect(journal.read('s1'))).map((entry) => entry.sequence)).toEqual([1, 2]);
  });

  it.each([
    [-1, 1],
    [2 ** 32, 1],
    [1.5, 1],
    [1, 2 ** 48],
    [1, Number.NaN],
  ])('refuses channel %d, sequence %d and goes on', async (channel, sequence) => {
    const journal = await open(folder(), createMemoryAnchorStore());
    const attempt = () => journal.append('s1', channel, sequence, noteJson('s1', 1, 1));
    expect(attempt).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    await durable(journal, journal.append('s1', 1, 1, noteJson('s1', 1, 1)));
    expect((await collect(journal.read('s1'))).every(isInPlace)).toBe(true);
  });

  it('refuses entries of a session that ended, now and after a restart', async () => {
    const dir = folder();
    const anchors = createMemoryAnchorStore();
    const journal = await open(dir, anchors);
    journal.note('s1', opened);
    const ending = journal.sessionEnded('s1');
    const late = expect.objectContaining({ code: 'session_ended' });
    expect(() => journal.append('s1', 1, 1, noteJson('s1', 1, 1))).toThrow(late);
    await ending;
    expect(() => journal.append('s1', 1, 1, noteJson('s1', 1, 1))).toThrow(late);
    await journal.close();
    const again = await open(dir, anchors);
    expect(() => again.note('s1', closed)).toThrow(late);
    expect(() => again.note('../s1', closed)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  it('keeps segments until the store took the anchors, and retries', async () => {
    const dir = folder();
    const anchors = createMemoryAnchorStore();
    let away = 3;
    const flaky: AnchorStore = {
      ...anchors,
      upsert: (anchor) => (away-- > 0 ? Promise.reject(new Error('away')) : anchors.upsert(anchor)),
    };
    const journal = await open(dir, flaky);
    journal.note('s1', opened);
    await journal.sessionEnded('s1');
    expect(await statuses(dir, anchors)).toEqual([['s1', 'sealed']]);
  });

  it('breaks for good on the first failed sync', async () => {
    let fail = false;
    let calls = 0;
    const sync: SyncFile = (_, callback) => {
      calls += 1;
      setImmediate(callback, fail ? new Error('EIO: i/o error, fdatasync') : null);
    };
    const journal = await open(folder(), createMemoryAnchorStore(), { sync });
    await durable(journal, journal.append('s1', 1, 1, noteJson('s1', 1, 1)));
    fail = true;
    const broken = new Promise<Error>((resolve) => journal.onBroken(resolve));
    let told = false;
    journal.whenDurable(journal.append('s1', 1, 2, noteJson('s1', 1, 2)), () => {
      told = true;
    });
    expect(await broken).toMatchObject({ code: 'recording_unavailable', why: 'EIO: i/o error, fdatasync' });
    fail = false;
    expect(() => journal.append('s1', 1, 3, noteJson('s1', 1, 3))).toThrow(
      expect.objectContaining({ code: 'recording_unavailable' }),
    );
    await new Promise(setImmediate);
    expect({ told, calls, durable: journal.durable }).toEqual({ told: false, calls: 2, durable: 1 });
  });
});

/** A folder and its store as a killed gateway leaves them: session `cut` has its first two entries in its recording, the third in the journal alone. */
async function abandoned(): Promise<{ dir: string; anchors: AnchorStore }> {
  const [dir, copy] = [folder(), folder()];
  const [anchors, then] = [createMemoryAnchorStore(), createMemoryAnchorStore()];
  let clock = 0;
  const journal = await open(dir, anchors, { cutAfterMs: 30, now: () => clock });
  journal.note('cut', opened);
  await durable(journal, journal.append('cut', 1, 1, noteJson('cut', 1, 1)));
  clock = 30;
  while ((await anchors.get('cut')) === null) await new Promise((resolve) => setTimeout(resolve, 5));
  await durable(journal, journal.append('cut', 1, 2, noteJson('cut', 1, 2)));
  cpSync(dir, copy, { recursive: true });
  for (const anchor of await anchors.list()) await then.upsert(anchor);
  return { dir: copy, anchors: then };
}

function segmentPath(dir: string): string {
  const names = readdirSync(join(dir, 'journal'))
    .filter((name) => name.startsWith('journal-'))
    .sort();
  return join(dir, 'journal', names[0] as string);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
}

describe('recovery', () => {
  it('closes and seals what was live, once', async () => {
    const { dir, anchors } = await abandoned();
    for (let round = 0; round < 2; round += 1) {
      const journal = await open(dir, anchors);
      const entries = await collect(journal.read('cut'));
      expect(entries.map((entry) => [entry.channel, entry.sequence])).toEqual([
        [0, 1],
        [1, 1],
        [1, 2],
        [0, 2],
      ]);
      expect(entries.at(-1)?.event).toMatchObject({ event: 'session-closed', reason: 'gateway restarted' });
      expect(await statuses(dir, anchors)).toEqual([['cut', 'sealed']]);
      await journal.close();
    }
  });

  it.each([
    ['changed', (path: string) => flip(path, statSync(path).size - 40)],
    ['cut', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, -1))],
    ['removed', (path: string) => renameSync(path, `${path}.away`)],
  ])('leaves a %s recording as it is and puts what it lacks into a second one', async (_, harm) => {
    const { dir, anchors } = await abandoned();
    harm(join(dir, 'recordings', 'cut.part'));
    const log = createTestLog();
    const journal = await open(dir, anchors, { log });
    expect(log.lines.some((line) => line.startsWith('error a recording is damaged'))).toBe(true);
    const found = new Map(await statuses(dir, anchors));
    expect(['broken', 'missing']).toContain(found.get('cut'));
    expect(found.get('cut~2')).toBe('sealed');
    const rest = await collect(journal.read('cut~2'));
    expect(rest[0]?.event).toMatchObject({ message: 'cut/1/2 ' });
    expect(rest.at(-1)?.event).toMatchObject({ event: 'session-closed' });
    await journal.close();
  });

  it('takes up batches behind a damaged one, keeps the segment and notes the gap', async () => {
    const dir = folder();
    const anchors = createMemoryAnchorStore();
    const journal = await open(dir, anchors);
    for (let sequence = 1; sequence <= 3; sequence += 1) {
      await durable(journal, journal.append('s1', 1, sequence, noteJson('s1', 1, sequence, 500)));
    }
    // A copy of the segment as a crash would leave it: the recording is not cut yet.
    const path = segmentPath(dir);
    const copy = readFileSync(path);
    const second = copy.indexOf('WJB1', 4100, 'latin1');
    copy[second + 100] = (copy[second + 100] as number) ^ 1;
    await journal.close();
    writeFileSync(path, copy);
    rmSync(join(dir, 'recordings', 's1.part'));
    const log = createTestLog();
    const again = await open(dir, createMemoryAnchorStore(), { log });
    const entries = await collect(again.read('s1'));
    expect(entries.map((entry) => [entry.channel, entry.sequence])).toEqual([
      [1, 1],
      [0, 1],
      [1, 3],
      [0, 2],
    ]);
    expect(entries[1]?.event).toMatchObject({ event: 'note', code: 'entries-missing' });
    expect(log.lines.some((line) => line.startsWith('error a journal segment was changed'))).toBe(true);
    expect(readdirSync(join(dir, 'journal')).some((name) => name.startsWith('damaged-'))).toBe(true);
  });

  it('does not start over a journal of another master key', async () => {
    const { dir, anchors } = await abandoned();
    const attempt = open(dir, anchors, { masterKey: Buffer.alloc(32, 9) });
    await expect(attempt).rejects.toSatisfy((error) => isWeirError(error) && error.code === 'evidence_broken');
  });
});

describe('keys', () => {
  it('makes them once, readable to the owner alone', async () => {
    const dir = folder();
    const [one, two] = await Promise.all([loadOrCreateRecordingKeys(dir), loadOrCreateRecordingKeys(dir)]);
    expect(one.masterKey.equals(two.masterKey)).toBe(true);
    expect(one.signingKey.equals(two.signingKey)).toBe(true);
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir).length).toBe(2);
    writeFileSync(join(dir, 'recording-master.key'), 'short');
    await expect(loadOrCreateRecordingKeys(dir)).rejects.toThrow('not usable');
  });
});
