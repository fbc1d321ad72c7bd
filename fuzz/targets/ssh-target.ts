import { encodeGlobalRequest, encodeMessage, encodeRequest } from '@weir/wire-ssh';
import type { Random } from '../core/random.ts';
import { type FuzzTarget, must } from '../core/target.ts';
import { readConversation, type Step, writeConversation } from './conversation.ts';
import { runSsh, type SshRun } from './ssh-run.ts';

/** A packet of sftp: a type, then numbers of four bytes and texts with their lengths. */
function packet(type: number, ...fields: readonly (number | string)[]): Buffer {
  const parts = fields.map((field) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(typeof field === 'number' ? field : field.length);
    return typeof field === 'number' ? head : Buffer.concat([head, Buffer.from(field, 'latin1')]);
  });
  const body = Buffer.concat([Buffer.from([type]), ...parts]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
const words = {
  client: [
    encodeRequest({ name: 'exec', command: 'denied' }, true),
    encodeRequest({ name: 'exec', command: 'ls' }, true),
    encodeRequest({ name: 'shell' }),
    encodeRequest({ name: 'subsystem', subsystem: 'x' }),
    encodeRequest({ name: 'env', variable: 'A', value: 'denied' }, true),
    encodeRequest({ name: 'pty-req', term: 'x', ...size, modes: Buffer.alloc(1) }),
    encodeRequest({ name: 'window-change', ...size }),
    encodeRequest({ name: 'signal', signal: 'TERM' }),
    encodeRequest({ name: 'auth-agent-req@openssh.com' }, true),
    encodeRequest({ name: 'x11-req', isSingle: true, protocol: 'M', cookie: 'a', screen: 0 }),
    encodeMessage({ type: 'data', bytes: Buffer.from('a\x03b') }),
    encodeMessage({ type: 'eof' }),
    encodeMessage({ type: 'close' }),
    encodeMessage({ type: 'open-confirmation' }),
    encodeMessage({ type: 'open-failure', reason: 1, text: 'no' }),
    encodeGlobalRequest({ name: 'tcpip-forward', host: 'h', port: 0 }, true),
    encodeGlobalRequest({ name: 'tcpip-forward', host: 'denied', port: 1 }, true),
    encodeGlobalRequest({ name: 'cancel-tcpip-forward', host: 'h', port: 7 }, true),
    encodeGlobalRequest({ name: 'streamlocal-forward@openssh.com', path: '/s' }, true),
    packet(1, 3),
    packet(3, 1, 'f', 0x1a, 0),
    packet(3, 2, 'denied', 1, 0),
    packet(3, 3, 'f', 1, 0),
    packet(4, 4, 'h'),
    packet(5, 5, 'h', 0, 0, 30),
    packet(6, 6, 'h', 0, 0, 'content'),
    packet(6, 7, 'h', 0, 30, 'x'.repeat(30)),
    packet(8, 8, 'h'),
    packet(10, 9, 'h', 4, 0),
    packet(11, 10, 'd'),
    packet(17, 11, 'denied'),
    packet(17, 12, 's'),
    packet(18, 13, 'a', 'denied'),
    packet(20, 14, 'a', 'b'),
    packet(200, 15, 'posix-rename@openssh.com', 'denied', 'b'),
    packet(200, 16, 'copy-data', 'h', 0, 0, 0, 0, 'h', 0, 0),
    ...['C0644 5 f\n', 'C0644 90 denied\n', 'C0644 0 e\n', 'D0755 0 d\n', 'E\n', 'T1 0 1 0\n', 'hello\0', '\0'].map(
      (line) => Buffer.from(line),
    ),
  ],
  server: [
    ...[0, 1, 2, 3, 4, 5, 6].map((type) => Buffer.from([type, 7])),
    Buffer.from('\x07error'),
    Buffer.from('\x08output'),
    Buffer.from('\x04data'),
    Buffer.concat([packet(2, 3, 'copy-data', '1'), packet(104, 0, 1, '/home', '', 0)]),
    packet(104, 0xffff_ffff, 1, '/real', '', 0),
    packet(104, 0xffff_ffff, 1, '/denied', '', 0),
    ...[1, 2, 3].map((id) => packet(102, id, 'h')),
    packet(102, 10, 'd'),
    packet(103, 5, 'x'.repeat(30)),
    packet(105, 8, 1, 0, 30),
    ...[1, 4, 5, 6, 7, 9, 11, 12, 13].map((id) => packet(101, id, id === 5 ? 1 : 0, '', '')),
    ...['C0644 5 f\n', 'C0644 90 denied\n', 'D0755 0 d\n', 'E\n', 'hello\0', '\0', '\x01no\n', '\x02no\n'].map((line) =>
      Buffer.from(line),
    ),
  ],
} as const;

/** Everything that the engines do for SSH, and the protocols inside it. */
export const sshTarget: FuzzTarget = {
  what: 'what the engines of SSH do with clients and targets that send anything: sessions, sftp, scp, forwards, connections',
  maxBytes: 8192,
  maxMs: 1000,
  maxBufferBytes: 2 * 1024 * 1024,
  dictionary: [...words.client, ...words.server],
  mutate: mutateSteps,
  async run(input) {
    const conversation = readConversation(input);
    const whole = await runSsh(conversation, (bytes) => [bytes]);
    checkJudged(whole);
    checkEndings(whole);
    const step = input.length > 1500 ? 7 : 1;
    const pieces = (bytes: Buffer) =>
      Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) => bytes.subarray(at * step, (at + 1) * step));
    const cut = await runSsh(conversation, pieces);
    checkEndings(cut);
    checkSame(whole, cut);
  },
};

/** Nothing reaches the target that was not allowed, and sftp reaches it in whole packets of known types. */
function checkJudged({ kind, judged, acts, toServer, out, hasEnded }: SshRun): void {
  const starts = acts.filter((act) => act.startsWith('{"type":"start"'));
  must(starts.length <= 1, 'two things are started in one channel');
  must(!acts.some((act) => act.includes('denied') && act.includes('start')), 'something is started that is denied');
  must(!acts.some((act) => act.includes('"listen"') && act.includes('denied')), 'the target listens where it must not');
  if (kind === 'session') must(starts.length === 0 || judged.length > 0, 'something is started that nobody judged');
  if (kind !== 'sftp' && kind !== 'linked') return;
  const names = toServer.toString('latin1');
  for (let at = 0; at < toServer.length; ) {
    must(at + 5 <= toServer.length || hasEnded, 'the target gets half a head');
    const end = at + 4 + (at + 4 <= toServer.length ? toServer.readUInt32BE(at) : 0);
    const type = toServer[at + 4] ?? 0;
    must((type >= 1 && type <= 20 && type !== 2) || type === 200, `the target gets a packet of type ${type}`);
    const isPath = ![4, 5, 6, 8, 10, 12, 16, 200].includes(type) || names.startsWith('posix-rename', at + 13);
    must(!isPath || !names.slice(at, end).includes('denied'), 'an operation on a denied path reaches the target');
    at = end;
  }
  for (let at = 0; at + 4 <= out.length && !hasEnded; ) {
    const type = out[at + 4] ?? 0;
    must(type === 2 || (type >= 101 && type <= 105) || type === 201, `the client gets a packet of type ${type}`);
    at += 4 + out.readUInt32BE(at);
  }
}

/** Each thing that was let pass ends once. */
function checkEndings({ endings }: SshRun): void {
  for (const [ticket, count] of endings)
    must(count === 1, `the end of ${(ticket as { text: string }).text} is told ${count} times`);
}

/** Bytes in pieces have the same effects. Where the engine ends by itself, more may have gone on before that in pieces. */
function checkSame(whole: SshRun, cut: SshRun): void {
  if (whole.hasEnded || cut.hasEnded) {
    const [straight, split] = [whole.toServer.toString('latin1'), cut.toServer.toString('latin1')];
    must(!whole.hasEnded || split.startsWith(straight), 'the target gets something else when the bytes are split');
    must(whole.hasEnded, 'the channel ends only when the bytes are split');
    return;
  }
  for (const part of ['toServer', 'out', 'err'] as const)
    must(whole[part].equals(cut[part]), `${part} is something else when the bytes are split`);
  for (const part of ['acts', 'control', 'judged', 'outcomes'] as const) {
    const [straight, split] = [whole[part].join('\n'), cut[part].join('\n')];
    must(
      straight === split,
      `${part} differ when the bytes are split: ${straight.slice(0, 200)} / ${split.slice(0, 200)}`,
    );
  }
}

/** Changes steps, and the length-prefixed messages or packets in them. */
function mutateSteps(input: Buffer, other: Buffer, random: Random): Buffer {
  const { options, steps } = readConversation(input);
  if (random.once(10)) return writeConversation({ options: random.below(64), steps });
  const changed: Step[] = [...steps];
  const at = random.below(changed.length);
  const side = random.pick(['client', 'server'] as const);
  const insert = { side, bytes: random.pick(words[side] as readonly Buffer[]) };
  const step = changed[at];
  switch (step === undefined ? 0 : random.below(8)) {
    case 0:
    case 1:
      changed.splice(random.below(changed.length + 1), 0, insert);
      break;
    case 2:
      changed.splice(at, 1);
      break;
    case 3:
      changed.splice(at, 0, ...readConversation(other).steps.slice(0, 3));
      break;
    case 4:
      changed.splice(random.below(changed.length), 0, ...changed.splice(at, 1));
      break;
    case 5: {
      const next = changed[at + 1];
      if (next?.side === step?.side && step !== undefined && next !== undefined)
        changed.splice(at, 2, { side: step.side, bytes: Buffer.concat([step.bytes, next.bytes]) });
      break;
    }
    default:
      if (step !== undefined) changed[at] = { side: step.side, bytes: mutateBytes(step.bytes, random) };
  }
  return writeConversation({ options, steps: changed });
}

function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  if (changed.length === 0) return Buffer.from([random.below(256)]);
  const at = random.below(changed.length);
  switch (random.below(5)) {
    case 0:
      if (changed.length >= 4)
        changed.writeUInt32BE(random.pick([0, 1, 5, 40, 255, 0x100000, 0xffff_ffff]), random.below(changed.length - 3));
      return changed;
    case 1:
      return changed.subarray(0, at);
    case 2:
      return Buffer.concat([
        changed.subarray(0, at),
        Buffer.from(random.pick(['denied', '/', '..', '\n', '\0', '\x01'])),
        changed.subarray(at),
      ]);
    case 3:
      // The id of a packet, or the like.
      changed[Math.min(8, changed.length - 1)] = random.below(17);
      return changed;
    default:
      changed[at] = random.below(256);
      return changed;
  }
}
