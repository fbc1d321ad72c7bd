import { describe, expect, it } from 'vitest';
import { checkAnswer, checkFinished, checkForwarded, checkSame } from '../targets/engine-invariants.ts';
import type { EngineRun } from '../targets/engine-run.ts';
import { encodeFrame } from '../targets/frames.ts';

const ticket = { phase: 'query', text: 'SELECT 1' } as const;
const frame = (type: string, text: string) => encodeFrame(type, Buffer.from(text, 'latin1'));
const good: EngineRun = {
  toServer: frame('Q', 'SELECT 1\0'),
  toClient: Buffer.concat([frame('T', '\0\x01'), frame('D', '\0\x01\0\0\0\x03***')]),
  passed: [ticket],
  finished: new Map([[ticket, [{ index: 0, tag: 'SELECT 1', rows: 1, bytes: 9, error: null }]]]),
  story: { client: ['judge'], server: ['finished'] },
  hasEnded: false,
  areMasked: true,
};
function check(run: EngineRun): void {
  checkForwarded(run);
  checkAnswer(run);
  checkFinished(run);
  checkSame(good, run);
}

describe('what must be true of every conversation', () => {
  it('is true of a good one', () => expect(() => check(good)).not.toThrow());

  it.each<[string, Partial<EngineRun>, RegExp]>([
    ['a statement that was not judged', { passed: [] }, /not judged/],
    ['a message that no client may send', { toServer: frame('!', '') }, /went to the server/],
    ['half a message', { toServer: good.toServer.subarray(0, 8) }, /a part of a message/],
    [
      'a cell in clear',
      { toClient: Buffer.concat([frame('T', '\0\x01'), frame('D', '\0\x01\0\0\0\x03abc')]) },
      /in clear/,
    ],
    ['COPY data in clear', { toClient: Buffer.concat([frame('H', '\0\0\x01\0\0'), frame('d', 'hidden')]) }, /in clear/],
    ['a statement without an end', { finished: new Map() }, /never finished/],
    ['other bytes when they are split', { toClient: frame('I', '') }, /something else/],
    ['an end when they are split', { hasEnded: true }, /ends only/],
    ['other events when they are split', { story: { client: [], server: ['finished'] } }, /told something else/],
  ])('%s breaks it', (_what, part, message) => expect(() => check({ ...good, ...part })).toThrow(message));
});
