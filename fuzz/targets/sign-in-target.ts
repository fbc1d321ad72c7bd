import {
  createScramServer,
  createUpstreamLogin,
  makeScramVerifier,
  parseFirstMessage,
  parsePasswordFrame,
  type UpstreamLogin,
} from '@weir/wire-postgres';
import { type FuzzTarget, must } from '../core/target.ts';
import { mutateFrames } from './conversation.ts';
import { encodeFrame, framesOf } from './frames.ts';

const verifier = makeScramVerifier('secret', Buffer.alloc(16, 1), 4096);
/** Inputs begin with a byte that says what reads the rest. */
const readers = [readStartup, readPassword, readScram, readServer] as const;

/** First message and password of a client, and the sign-in at a server. */
export const signInTarget: FuzzTarget = {
  what: 'what is read before an engine begins: the first messages of a client, SCRAM, and a server that is signed in at',
  maxBytes: 4096,
  maxMs: 1000,
  maxBufferBytes: 1024 * 1024,
  dictionary: [
    ...[
      'user\0',
      'database\0',
      'SCRAM-SHA-256\0',
      'n,,n=,r=',
      'p=tls-server-end-point,,',
      ',i=4096',
      ',s=',
      ',v=',
      '_pq_.x\0',
      'client_encoding\0UTF8\0',
    ].map((text) => Buffer.from(text)),
    ...[0, 3, 5, 10, 11, 12].map((code) => encodeFrame('R', Buffer.from([0, 0, 0, code]))),
  ],
  mutate(input, _other, random) {
    if (input.length === 0 || random.once(10))
      return Buffer.concat([Buffer.from([random.below(4)]), input.subarray(1)]);
    const words = [
      encodeFrame('S', Buffer.from('a\0b\0')),
      encodeFrame('Z', Buffer.from('I')),
      encodeFrame('R', Buffer.alloc(4)),
    ];
    return Buffer.concat([input.subarray(0, 1), mutateFrames(input.subarray(1), random, words)]);
  },
  run: (input) => readers[(input[0] ?? 0) % readers.length]?.(input.subarray(1)),
};

/** A first message is read the same however much comes behind it, and not before it is there. */
function readStartup(input: Buffer): void {
  const first = parseFirstMessage(input);
  if (first.kind === 'need-more' || first.kind === 'error' || !('rest' in first)) return;
  const used = input.length - first.rest.length;
  must(used >= 8, 'a first message of less than eight bytes');
  const early = parseFirstMessage(input.subarray(0, used - 1));
  must(early.kind === 'need-more', `a first message is taken for ${early.kind} before it is complete`);
  must(parseFirstMessage(input.subarray(0, used)).kind === first.kind, 'what follows changes a first message');
}

function readPassword(input: Buffer): void {
  const frame = parsePasswordFrame(input);
  if (frame.kind === 'password')
    must(frame.body.length + 5 + frame.rest.length === input.length, 'bytes of a password message are lost');
}

/** Nobody signs in without the password: that cannot be guessed here. */
function readScram(input: Buffer): void {
  const server = createScramServer({ verifier, nonce: 'nonce' });
  const cut = input[0] ?? 0;
  const first = server.receive(input.subarray(1, 1 + cut));
  const then = server.receive(input.subarray(1 + cut));
  must(first.kind !== 'ok' && then.kind === 'failed', 'SCRAM succeeds without the password');
  for (const step of [first, then])
    must(step.kind !== 'failed' || step.error.code !== 'internal', 'the exchange fails inside the gate');
}

/** The same step is reached however the bytes are split, and no server is believed ready that did not end the sign-in. */
function readServer(input: Buffer): void {
  const options = { user: 'u', database: 'd', password: 'secret', parameters: {}, nonce: 'client-nonce' };
  const [whole, cut] = [createUpstreamLogin(options), createUpstreamLogin(options)];
  const once = told(whole, [input]);
  const pieces = Array.from(input, (byte) => Buffer.from([byte]));
  const apart = told(cut, pieces);
  must(once.end === apart.end, 'a sign-in ends otherwise when its bytes are split');
  // Answers to a server that is refused in the same moment are not sent any more.
  const isSame = once.isFailed ? apart.sent.startsWith(once.sent) : apart.sent === once.sent;
  must(isSame, 'a server gets other answers when its bytes are split');
  if (once.isFailed || once.end === null) return;
  const frames = framesOf(input).filter(({ isWhole }) => isWhole);
  must(
    frames.some(({ type, body }) => type === 'R' && body.length === 4 && body.readInt32BE(0) === 0),
    'a server is ready without AuthenticationOk',
  );
}

/** What is sent and how it ends; `end` is null when more is awaited. */
interface Told {
  readonly sent: string;
  readonly end: string | null;
  readonly isFailed: boolean;
}

function told(login: UpstreamLogin, chunks: readonly Buffer[]): Told {
  const sent: Buffer[] = [login.start()];
  const result = (end: object | null, isFailed: boolean): Told => {
    return { sent: Buffer.concat(sent).toString('latin1'), end: end && JSON.stringify(end), isFailed };
  };
  for (const chunk of chunks) {
    const step = login.receive(chunk);
    if (step.kind !== 'failed' && step.send !== null) sent.push(step.send);
    if (step.kind === 'need-more') continue;
    if (step.kind === 'failed') {
      must(!step.error.M?.includes('inside the gate'), `the sign-in fails inside the gate: ${step.error.M}`);
      return result(step, true);
    }
    return result({ ...step, send: null, leftover: null, parameterStatus: [...step.parameterStatus] }, false);
  }
  return result(null, false);
}
