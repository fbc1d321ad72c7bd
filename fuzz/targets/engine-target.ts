import type { FuzzTarget } from '../core/target.ts';
import { type FrameWords, mutateConversation, readConversation, type Side } from './conversation.ts';
import { checkAnswer, checkFinished, checkForwarded, checkSame } from './engine-invariants.ts';
import { runEngine } from './engine-run.ts';
import { encodeFrame } from './frames.ts';

const bytesOf = (...values: (number | string)[]) =>
  Buffer.concat(
    values.map((value) => (typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from([value]))),
  );
const frame = (type: string, ...values: (number | string)[]) => encodeFrame(type, bytesOf(...values));

/** Small messages of both sides. */
export const words: FrameWords = {
  client: [
    frame('Q', 'SELECT 1\0'),
    frame('Q', 'SELECT denied\0'),
    frame('Q', 'SELECT 1; SELECT 2\0'),
    frame('P', 's\0SELECT 1\0', 0, 0),
    frame('P', '\0SELECT denied\0', 0, 0),
    frame('P', '\0SELECT $1\0', 0, 1, 0, 0, 0, 23),
    frame('B', '\0s\0', 0, 0, 0, 0, 0, 0),
    frame('B', 'p\0\0', 0, 1, 0, 1, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 1, 0, 1),
    frame('D', 'Ss\0'),
    frame('D', 'P\0'),
    frame('E', '\0', 0, 0, 0, 0),
    frame('E', 'p\0', 0, 0, 0, 1),
    frame('C', 'Ss\0'),
    frame('C', 'Pp\0'),
    frame('S'),
    frame('H'),
    frame('F', 0, 0, 0, 1),
    frame('X'),
    frame('d', '1\t2\n'),
    frame('c'),
    frame('f', 'no\0'),
    frame('P', 'weir.query\0SELECT 1\0', 0, 0),
  ],
  server: [
    frame('1'),
    frame('2'),
    frame('3'),
    frame('n'),
    frame('s'),
    frame('I'),
    frame('t', 0, 1, 0, 0, 0, 23),
    frame('T', 0, 1, 'hidden\0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0),
    frame('T', 0, 0),
    frame('D', 0, 1, 0, 0, 0, 6, 'hidden'),
    frame('D', 0, 1, 255, 255, 255, 255),
    frame('C', 'SELECT 1\0'),
    frame('C', 'UPDATE 3\0'),
    frame('C', 'BEGIN\0'),
    frame('Z', 'I'),
    frame('Z', 'T'),
    frame('Z', 'E'),
    frame('E', 'SERROR\0VERROR\0C42601\0Mhidden\0', 0),
    frame('E', 'SFATAL\0VFATAL\0C57P01\0Mbye\0', 0),
    frame('N', 'SNOTICE\0VNOTICE\0C00000\0Mhello\0', 0),
    frame('A', 0, 0, 0, 1, 'channel\0payload\0'),
    frame('S', 'TimeZone\0UTC\0'),
    frame('S', 'client_encoding\0LATIN1\0'),
    frame('G', 0, 0, 1, 0, 0),
    frame('H', 0, 0, 2, 0, 0, 0, 0),
    frame('H', 1, 0, 1, 0, 1),
    frame('d', '1\thidden\n'),
    frame('d', '"hid""den",2\n'),
    frame('d', 'PGCOPY\n', 255, '\r\n', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 6, 'hidden', 255, 255),
    frame('c'),
    frame('W', 0, 0, 0),
    frame('V', 255, 255, 255, 255),
  ],
};

/** The engine between both sides, of which one is changed most; all its invariants are checked for every conversation. */
export const engineTarget = (focus: Side): FuzzTarget => ({
  what: `what the engine does with a ${focus} that sends anything`,
  maxBytes: 8192,
  maxMs: 1000,
  maxBufferBytes: 2 * 1024 * 1024,
  dictionary: [...words.client, ...words.server],
  mutate: (input, other, random) => mutateConversation(input, other, random, words, focus),
  async run(input) {
    const conversation = readConversation(input);
    const whole = await runEngine(conversation, (bytes) => [bytes]);
    checkForwarded(whole);
    checkAnswer(whole);
    checkFinished(whole);
    // Byte by byte, or in longer pieces where that would take too long.
    const step = input.length > 1500 ? 7 : 1;
    const pieces = (bytes: Buffer) =>
      Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) => bytes.subarray(at * step, (at + 1) * step));
    checkSame(whole, await runEngine(conversation, pieces));
  },
});
