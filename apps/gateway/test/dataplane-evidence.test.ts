import { WeirError } from '@weir/errors';
import { describe, expect, test } from 'vitest';
import { createEvidenceGate } from '../src/dataplane/evidence-gate.ts';
import { createCancelKeys } from '../src/dataplane/postgres/cancel-keys.ts';
import { createFakeJournal } from './fixture/fake-journal.ts';

function createGate() {
  const journal = createFakeJournal();
  const out: string[] = [];
  const errors: WeirError[] = [];
  const counts = { statements: 0, denied: 0 };
  const gate = createEvidenceGate(journal, 'ses_1', 1, {
    deliver: (data) => void out.push(data.toString()),
    finished: () => void out.push('END'),
    broken: (error) => void errors.push(error),
    counted({ statements, denied }) {
      counts.statements += statements;
      counts.denied += denied;
    },
  });
  return { journal, gate, out, errors, counts };
}
const event = (json = '{"event":"note"}') => Buffer.from(json);

describe('answers', () => {
  test('without records leave at once', () => {
    const { gate, out } = createGate();
    gate.answer(Buffer.from('hello'), 0);
    expect(out).toEqual(['hello']);
  });

  test('wait until their record is durable, and stay in order', () => {
    const { gate, journal, out } = createGate();
    gate.record(event(), 1);
    gate.answer(Buffer.from('a'), 1);
    gate.record(event(), 2);
    gate.answer(Buffer.from('b'), 2);
    gate.answer(Buffer.from('c'), 1);
    gate.end();
    expect(out).toEqual([]);
    journal.sync(1);
    expect(out).toEqual(['a']);
    journal.sync(2);
    expect(out).toEqual(['a', 'b', 'c', 'END']);
  });

  test('wait behind records of other channels as the journal says', () => {
    const { gate, journal, out } = createGate();
    for (let i = 0; i < 5; i += 1) journal.append('ses_2', 1, i + 1, event());
    gate.record(event(), 1);
    gate.answer(Buffer.from('a'), 1);
    journal.sync(5);
    expect(out).toEqual([]);
    journal.sync(6);
    expect(out).toEqual(['a']);
  });

  test('of a durable record leave at once; the end waits for the last record', () => {
    const { gate, journal, out } = createGate();
    gate.record(event(), 1);
    journal.sync(1);
    gate.answer(Buffer.from('a'), 1);
    gate.record(event(), 2);
    gate.answer(Buffer.from('b'), 1);
    gate.end();
    expect(out).toEqual(['a', 'b']);
    journal.sync(2);
    expect(out).toEqual(['a', 'b', 'END']);
  });
});

describe('records', () => {
  test.each([
    ['a statement', '{"event":"statement","atMs":1,"phase":"request","kind":"exec","action":"allow"}', true],
    ['output', '{"event":"output","atMs":1,"stream":"stdout","text":"x"}', true],
    ['a result', '{"event":"result","atMs":1}', false],
    ['input', '{"event":"input","atMs":1,"text":"x"}', false],
    ['a size', '{"event":"resize","atMs":1}', false],
    ['an exit', '{"event":"exit","atMs":1}', false],
    ['a file', '{"event":"file","atMs":1}', false],
    ['a forward', '{"event":"forward","atMs":1}', false],
  ])('of %s do not wait for each other without need', (_what, json, isUrgent) => {
    const { gate, journal, out } = createGate();
    gate.record(event(json), 1);
    expect(journal.entries).toEqual([expect.objectContaining({ json, isUrgent })]);
    gate.answer(Buffer.from('a'), 1);
    expect(out).toEqual([]);
    journal.sync(1);
    expect(out).toEqual(['a']);
  });

  test('of SSH count as statements of SQL do', () => {
    const { gate, counts } = createGate();
    gate.record(event('{"event":"statement","atMs":1,"kind":"shell","action":"allow"}'), 1);
    gate.record(event('{"event":"statement","atMs":1,"kind":"exec","action":"deny"}'), 2);
    gate.record(event('{"event":"output","atMs":1,"stream":"stdout","text":"{\\"event\\":\\"statement\\""}'), 3);
    expect(counts).toEqual({ statements: 2, denied: 1 });
  });
});

describe('broken evidence', () => {
  test.each([
    ['a gap', [1, 3]],
    ['a repetition', [1, 1]],
    ['a beginning at 0', [0]],
    ['a beginning at 2', [2]],
  ])('%s ends the channel once, and nothing more is stored or delivered', (_what, sequences) => {
    const { gate, journal, out, errors } = createGate();
    for (const sequence of sequences) gate.record(event(), sequence);
    const stored = journal.entries.length;
    gate.record(event(), sequences.length);
    gate.answer(Buffer.from('a'), 0);
    gate.answer(Buffer.from('b'), 9);
    gate.end();
    journal.sync(100);
    expect(out).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(['evidence_broken']);
    expect(journal.entries).toHaveLength(stored);
  });

  test('an answer that names a record which never came ends the channel; what waited is dropped', () => {
    const { gate, journal, out, errors } = createGate();
    gate.record(event(), 1);
    gate.answer(Buffer.from('waits'), 1);
    gate.answer(Buffer.from('a'), 2);
    journal.sync(1);
    expect(errors.map(({ code }) => code)).toEqual(['evidence_broken']);
    expect(out).toEqual([]);
  });

  test('a journal that throws ends the channel', () => {
    const { gate, journal, out, errors } = createGate();
    journal.failure = new Error('disk full');
    gate.record(event(), 1);
    gate.answer(Buffer.from('a'), 0);
    expect(errors).toMatchObject([
      { code: 'recording_unavailable', cause: expect.objectContaining({ message: 'disk full' }) },
    ]);
    expect(out).toEqual([]);
  });
});

test('statements and denials are counted', () => {
  const { gate, counts } = createGate();
  gate.record(event('{"event":"statement","action":"allow"}'), 1);
  gate.record(event('{"event":"statement","action":"deny"}'), 2);
  gate.record(event('{"event":"result","action":"deny"}'), 3);
  expect(counts).toEqual({ statements: 2, denied: 1 });
});

describe('keys of cancels', () => {
  test.each([
    ['3.0', 0, 4],
    ['3.1, which nobody speaks', 1, 4],
    ['3.2', 2, 32],
  ])('protocol %s: only the exact key of a live channel counts', (_version, minor, length) => {
    const keys = createCancelKeys();
    const cancelled: string[] = [];
    const one = keys.issue(minor, () => void cancelled.push('one'));
    const two = keys.issue(minor, () => void cancelled.push('two'));
    expect(one.secretKey).toHaveLength(length);
    const wrong = Buffer.from(one.secretKey);
    wrong[length - 1] = (wrong[length - 1] as number) ^ 1;
    expect(keys.request(one.processId, wrong)).toBe(false);
    expect(keys.request(two.processId, one.secretKey)).toBe(false);
    expect(keys.request(one.processId, one.secretKey.subarray(0, length - 1))).toBe(false);
    expect(keys.request(one.processId, Buffer.concat([one.secretKey, Buffer.alloc(1)]))).toBe(false);
    expect(keys.request(one.processId, Buffer.alloc(256))).toBe(false);
    expect(keys.request(0, one.secretKey)).toBe(false);
    expect(cancelled).toEqual([]);
    expect(keys.request(one.processId, one.secretKey)).toBe(true);
    keys.withdraw(one);
    expect(keys.request(one.processId, one.secretKey)).toBe(false);
    expect(cancelled).toEqual(['one']);
  });

  test('process ids fit into the protocol', () => {
    const keys = createCancelKeys();
    const ids = Array.from({ length: 500 }, () => keys.issue(2, () => undefined).processId);
    expect(new Set(ids).size).toBe(500);
    for (const id of ids) expect(id > 0 && id < 2 ** 31).toBe(true);
  });
});
