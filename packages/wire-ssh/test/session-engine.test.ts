import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage, encodeRequest, type SshDecision } from '../src/index.ts';
import { createSessionBench, type Judge, settle } from './session-bench.ts';

const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
const terminal = { name: 'pty-req', term: 'xterm', ...size, modes: Buffer.from([0]) } as const;
const exec = (command: string) => ({ name: 'exec', command }) as const;
const deny = (text: string): SshDecision => ({ action: 'deny', text });
const allow: SshDecision = { action: 'forward', ticket: 't' };

/** A judge whose decisions come when the test says so. */
function createSlowJudge() {
  const waiting: ((decision: SshDecision) => void)[] = [];
  const judge: Judge = () => new Promise((resolve) => void waiting.push(resolve));
  const decide = async (decision: SshDecision) => {
    waiting.shift()?.(decision);
    await settle();
  };
  return { judge, decide };
}

describe('a session channel', () => {
  it('runs a command with its environment, its input to the end, and its exit status', () => {
    const bench = createSessionBench();
    bench.request({ name: 'env', variable: 'LANG', value: 'C' });
    bench.request(exec('cat'), true);
    bench.type('hello');
    bench.send({ type: 'eof' });
    bench.print('hello');
    bench.print('oh', 'stderr');
    bench.engine.fromServer({ type: 'eof' });
    bench.engine.fromServer({ type: 'exit-status', status: 3 });
    bench.engine.fromServer({ type: 'close' });
    expect(bench.server).toEqual(['start exec cat LANG=C', 'in hello', 'eof', 'close']);
    expect(bench.client()).toEqual(['success', 'out hello', 'err oh', 'exit-status 3', 'eof', 'close']);
    expect(bench.told).toEqual(['input ended', 'exited 3', 'end']);
    expect(bench.engine.paused).toBe(false);
  });

  it('tells the end of the output at once while the client still sends', () => {
    const bench = createSessionBench();
    bench.request(exec('cat'), true);
    bench.print('hello');
    bench.engine.fromServer({ type: 'eof' });
    expect(bench.client()).toEqual(['success', 'out hello', 'eof']);
  });

  it('tells a client that has ended its input how the program ended before the output ends: it closes then', () => {
    const bench = createSessionBench();
    bench.request(exec('cat'), true);
    bench.send({ type: 'eof' });
    bench.engine.fromServer({ type: 'eof' });
    expect(bench.client()).toEqual(['success']);
    bench.engine.fromServer({ type: 'close' });
    expect(bench.client()).toEqual(['success', 'eof', 'close']);
  });

  it('runs a shell on a terminal whose size changes', () => {
    const bench = createSessionBench();
    bench.request(terminal, true);
    bench.request({ name: 'auth-agent-req@openssh.com' }, true);
    bench.request({ name: 'x11-req', isSingle: false, protocol: 'MIT-MAGIC-COOKIE-1', cookie: 'ab', screen: 1 }, true);
    bench.request({ name: 'shell' }, true);
    bench.request({ name: 'window-change', ...size, columns: 100 });
    bench.request({ name: 'signal', signal: 'INT' });
    bench.request({ name: 'break', lengthMs: 10 }, true);
    bench.print('$ ');
    bench.engine.fromServer({ type: 'exit-signal', signal: 'HUP', isCoreDumped: false, message: '' });
    bench.engine.fromServer({ type: 'close' });
    expect(bench.server).toEqual([
      'start shell on xterm 80x24 agent x11 1',
      'size 100x24',
      'signal INT',
      'break 10',
      'close',
    ]);
    expect(bench.client()).toEqual([...Array(5).fill('success'), 'out $ ', 'exit-signal HUP false ', 'eof', 'close']);
    expect(bench.told).toEqual(['size 80x24 first', 'size 100x24', 'exited HUP', 'end']);
  });

  it('tells the exit behind all output, although the target tells it before', () => {
    const held = Buffer.from('held back');
    const bench = createSessionBench({ outputEnded: (_ticket, stream) => (stream === 'stdout' ? held : null) });
    bench.request(exec('x'));
    bench.engine.fromServer({ type: 'exit-status', status: 0 });
    bench.print('late ');
    bench.engine.fromServer({ type: 'eof' });
    bench.engine.fromServer({ type: 'close' });
    expect(bench.client()).toEqual(['out late held back', 'exit-status 0', 'eof', 'close']);
    expect(bench.told).toEqual(['exited 0', 'end']);
  });

  it('lets a command close its output long before it ends, and a client its input', () => {
    const bench = createSessionBench();
    bench.request(exec('exec >&- 2>&-; read x'));
    bench.engine.fromServer({ type: 'eof' });
    expect(bench.client()).toEqual(['eof']);
    bench.type('x\n');
    bench.send({ type: 'eof' });
    bench.send({ type: 'eof' });
    bench.engine.fromServer({ type: 'exit-status', status: 0 });
    bench.engine.fromServer({ type: 'close' });
    expect(bench.server.slice(1)).toEqual(['in x\n', 'eof', 'close']);
    expect(bench.client()).toEqual(['eof', 'exit-status 0', 'close']);
  });

  it('takes the end of the input before the command', () => {
    const bench = createSessionBench();
    bench.send({ type: 'eof' });
    bench.request(exec('cat'));
    expect(bench.server).toEqual(['start exec cat', 'eof']);
  });

  it('keeps the input until the target has begun', () => {
    const bench = createSessionBench({ startsLater: true });
    bench.request(terminal);
    bench.request(exec('cat'), true);
    bench.type('hello');
    bench.request({ name: 'window-change', ...size, columns: 90 });
    bench.send({ type: 'eof' });
    expect([bench.server.slice(1), bench.engine.paused]).toEqual([['size 90x24'], true]);
    bench.engine.fromServer({ type: 'started' });
    expect([bench.server.slice(1), bench.engine.paused]).toEqual([['size 90x24', 'in hello', 'eof'], false]);
    expect(bench.resumed()).toBe(1);
  });

  it.each([
    ['the client closes', (bench: ReturnType<typeof createSessionBench>) => bench.send({ type: 'close' })],
    ['the lane ends', (bench: ReturnType<typeof createSessionBench>) => bench.engine.abandon()],
    ['the target closes', (bench: ReturnType<typeof createSessionBench>) => bench.engine.fromServer({ type: 'close' })],
    ['Weir ends it', (bench: ReturnType<typeof createSessionBench>) => bench.engine.kill('weir: over')],
  ])('ends once for everybody when %s', (_what, end) => {
    const bench = createSessionBench();
    bench.request(exec('sleep'));
    end(bench);
    bench.engine.kill('weir: again');
    bench.engine.abandon();
    bench.type('x');
    bench.print('x');
    bench.engine.fromServer({ type: 'close' });
    expect(bench.server).toEqual(['start exec sleep', 'close']);
    expect(bench.told).toEqual(['exited unknown', 'end']);
    expect(bench.client().filter((line) => line === 'close').length).toBeLessThan(2);
  });

  it('masks what the program prints, both streams, and lets go what was held back', () => {
    const bench = createSessionBench({
      output: (_ticket, stream, bytes) => (bytes.toString() === 'hold' ? null : Buffer.from(`${stream}!`)),
    });
    bench.request(exec('x'));
    bench.print('secret');
    bench.print('hold');
    bench.print('secret', 'stderr');
    bench.engine.release('stdout', Buffer.from('free'));
    expect(bench.client()).toEqual(['out stdout!', 'err stderr!', 'out free']);
  });

  it('refuses in words on stderr, with a status of its own', () => {
    const bench = createSessionBench({ judge: () => deny('weir: no\nhint: ask') });
    bench.request(exec('rm'), true);
    expect(bench.client()).toEqual(['success', 'err weir: no\nhint: ask\n', 'exit-status 254', 'eof', 'close']);
    expect(bench.server).toEqual([]);
    expect(bench.told).toEqual(['end']);
  });

  it('ends lines on a terminal with carriage returns', () => {
    const bench = createSessionBench({
      judge: (request) => (request.kind === 'shell' ? deny('weir: no\nhint: ask') : allow),
    });
    bench.request(terminal);
    bench.request({ name: 'shell' });
    expect(bench.client()[0]).toBe('err weir: no\r\nhint: ask\r\n');
  });

  it('says what the target refused, with the status of ssh', () => {
    const bench = createSessionBench();
    bench.request(exec('x'), true);
    bench.engine.fromServer({ type: 'refused', text: 'weir: the target does not start it' });
    expect(bench.client()).toEqual([
      'success',
      'err weir: the target does not start it\n',
      'exit-status 255',
      'eof',
      'close',
    ]);
    expect(bench.told).toEqual(['exited unknown', 'end']);
  });

  it('refuses an environment variable, an agent and a display as their requests say', () => {
    const bench = createSessionBench({
      judge: ({ kind }) => (kind === 'env' || kind === 'auth-agent' || kind === 'x11' ? deny('weir: no') : allow),
    });
    bench.request({ name: 'env', variable: 'LD_PRELOAD', value: 'x' }, true);
    bench.request({ name: 'auth-agent-req@openssh.com' }, true);
    bench.request({ name: 'x11-req', isSingle: false, protocol: 'M', cookie: 'ab', screen: 1 }, true);
    bench.request(exec('x'), true);
    expect(bench.client()).toEqual(['failure', 'failure', 'failure', 'success']);
    expect(bench.server).toEqual(['start exec x']);
  });

  it.each([
    ['a second command', [exec('a'), exec('b')]],
    ['a shell behind a command', [exec('a'), { name: 'shell' }]],
    ['a subsystem behind a command', [exec('a'), { name: 'subsystem', subsystem: 'sftp' }]],
    ['a terminal behind a command', [exec('a'), terminal]],
    ['an agent behind a command', [exec('a'), { name: 'auth-agent-req@openssh.com' }]],
    ['a variable behind a command', [exec('a'), { name: 'env', variable: 'A', value: '' }]],
    ['a second terminal', [terminal, terminal]],
    ['a size without a terminal', [{ name: 'window-change', ...size }]],
    ['a signal to nothing', [{ name: 'signal', signal: 'TERM' }]],
    ['a signal of no name', [exec('a'), { name: 'signal', signal: 'TERM; rm' }]],
    ['an exit status of a client', [exec('a'), { name: 'exit-status', status: 0 }]],
    ['an unknown request', [{ name: 'other', type: 'x@example.com', data: Buffer.alloc(3) }]],
    ['an unknown request later', [exec('a'), { name: 'other', type: 'x@example.com', data: Buffer.alloc(3) }]],
    ['a variable of no name', [{ name: 'env', variable: '', value: '' }]],
    ['a variable whose name holds =', [{ name: 'env', variable: 'A=B', value: '' }]],
    ['a variable with a NUL', [{ name: 'env', variable: 'A', value: '\0' }]],
    ['a variable of 70 kB', [{ name: 'env', variable: 'A', value: 'x'.repeat(70_000) }]],
    ['terminal modes of 5 kB', [{ ...terminal, modes: Buffer.alloc(5000) }]],
    ['a terminal type with a NUL', [{ ...terminal, term: 'a\0b' }]],
    [
      'an X11 cookie of 300 characters',
      [{ name: 'x11-req', isSingle: false, protocol: 'M', cookie: 'a'.repeat(300), screen: 0 }],
    ],
  ] as const)('refuses and notes %s', (_what, requests) => {
    const bench = createSessionBench();
    for (const request of requests) bench.request(request, true);
    expect(bench.client().at(-1)).toBe('failure');
    expect(bench.told.filter((line) => line.startsWith('refused: '))).toHaveLength(1);
    expect(bench.server.length).toBeLessThanOrEqual(1);
  });

  it.each([
    ['a command of more than 256 KiB', { name: 'exec', command: 'x'.repeat(256 * 1024 + 1) }],
    ['a command with a NUL', exec('a\0b')],
    ['a command that is not UTF-8', { name: 'other', type: 'exec', data: Buffer.from([0, 0, 0, 1, 0xff]) }],
    ['a subsystem of no name', { name: 'subsystem', subsystem: '' }],
    ['a subsystem of a long name', { name: 'subsystem', subsystem: 'x'.repeat(300) }],
  ] as const)('never asks about %s', (_what, request) => {
    const bench = createSessionBench();
    bench.request(request);
    expect(bench.judged).toEqual([]);
    expect(bench.server).toEqual([]);
    expect(bench.client().slice(-3)).toEqual(['exit-status 254', 'eof', 'close']);
  });

  it('takes 256 environment variables', () => {
    const bench = createSessionBench();
    for (let i = 0; i < 300; i++) bench.request({ name: 'env', variable: `A${i}`, value: '' });
    bench.request(exec('x'));
    expect(bench.server[0]?.split(' ')).toHaveLength(3 + 256);
  });

  it('drops data before a command', () => {
    const bench = createSessionBench();
    bench.type('early');
    bench.request(exec('x'));
    expect(bench.server).toEqual(['start exec x']);
    expect(bench.told).toEqual(['refused: data that nothing reads']);
  });

  it.each([
    ['garbage', Buffer.from('garbage that is no message at all')],
    ['a message that is too long', Buffer.from([0, 255, 255, 255, 98])],
    ['half a message too long for its fields', Buffer.from([0, 0, 0, 2, 97, 0])],
  ])('ends with a reason at %s', (_what, bytes) => {
    const bench = createSessionBench();
    bench.request(exec('x'));
    bench.engine.fromClient(bytes);
    expect(bench.client().slice(-3)).toEqual(['exit-status 254', 'eof', 'close']);
    expect(bench.server).toEqual(['start exec x', 'close']);
    expect(bench.told.map((line) => line.split(':')[0])).toEqual(['protocol', 'exited unknown', 'end']);
  });
});

describe('a session channel whose start is being decided', () => {
  it('keeps what the client sends, in order', async () => {
    const { judge, decide } = createSlowJudge();
    const bench = createSessionBench({ judge });
    bench.request(exec('cat'), true);
    bench.type('a');
    bench.type('b');
    bench.request({ name: 'signal', signal: 'USR1' });
    bench.send({ type: 'eof' });
    bench.engine.notice('weir: waiting for approval');
    expect(bench.engine.paused).toBe(true);
    expect(bench.client()).toEqual(['success', 'err weir: waiting for approval\n']);
    expect(bench.server).toEqual([]);
    await decide(allow);
    expect(bench.server).toEqual(['start exec cat', 'in ab', 'signal USR1', 'eof']);
    expect(bench.engine.paused).toBe(false);
    expect(bench.resumed()).toBeGreaterThan(0);
  });

  it('starts with the size that the window has by then', async () => {
    const { judge, decide } = createSlowJudge();
    const bench = createSessionBench({ judge });
    bench.request(terminal);
    bench.request({ name: 'shell' });
    bench.type('ls\n');
    bench.request({ name: 'window-change', ...size, rows: 50 });
    expect(bench.told).toEqual(['size 80x24 first', 'size 80x50']);
    await decide(allow);
    expect(bench.server).toEqual(['start shell on xterm 80x50', 'in ls\n']);
  });

  it('keeps many small messages without much work for each', async () => {
    const { judge, decide } = createSlowJudge();
    const bench = createSessionBench({ judge });
    bench.request(exec('cat'));
    const message = encodeMessage({ type: 'data', bytes: Buffer.from('x') });
    const before = process.cpuUsage();
    for (let i = 0; i < 100_000; i++) bench.engine.fromClient(message);
    let sent = 0;
    bench.server.push = (...lines) => {
      sent += lines.length;
      return sent;
    };
    await decide(allow);
    const { user, system } = process.cpuUsage(before);
    expect(sent).toBe(100_001);
    expect((user + system) / 1e6).toBeLessThan(3);
  });

  it('ends at once when the client closes, and never starts', async () => {
    const { judge, decide } = createSlowJudge();
    const bench = createSessionBench({ judge });
    bench.request(exec('x'));
    bench.type('data');
    bench.send({ type: 'close' });
    expect(bench.told).toEqual(['end']);
    await decide(allow);
    expect(bench.server).toEqual([]);
    expect(bench.told).toEqual(['end']);
  });

  it('is given up by control-C at a terminal', async () => {
    const { judge, decide } = createSlowJudge();
    const bench = createSessionBench({ judge });
    bench.request(terminal);
    bench.request(exec('x'));
    bench.type('abc\x03');
    expect(bench.client()).toEqual(['err weir: given up before it was decided\r\n', 'exit-status 254', 'eof', 'close']);
    await decide(allow);
    expect(bench.server).toEqual([]);
  });

  it('passes control-C without a terminal on as it is', async () => {
    const { judge, decide } = createSlowJudge();
    const bench = createSessionBench({ judge });
    bench.request(exec('cat'));
    bench.type('\x03');
    await decide(allow);
    expect(bench.server).toEqual(['start exec cat', 'in \x03']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('denies when the judge %s', async (_what, judge) => {
    const bench = createSessionBench({ judge });
    bench.request(exec('x'));
    await settle();
    expect(bench.server).toEqual([]);
    expect(bench.client()).toContain('exit-status 254');
  });

  it('waits for input that is being decided', async () => {
    let pass: (bytes: Buffer | null) => void = () => undefined;
    const bench = createSessionBench({
      input: (_ticket, bytes) =>
        bytes.includes('rm')
          ? new Promise<Buffer | null>((resolve) => {
              pass = resolve;
            })
          : bytes,
    });
    bench.request({ name: 'shell' });
    bench.type('ls\n');
    bench.type('rm\n');
    bench.type('id\n');
    expect(bench.server).toEqual(['start shell', 'in ls\n']);
    expect(bench.engine.paused).toBe(true);
    bench.print('still shown');
    expect(bench.client()).toEqual(['out still shown']);
    pass(null);
    await settle();
    expect(bench.server).toEqual(['start shell', 'in ls\nid\n']);
  });
});

describe('a session channel, however its bytes are split', () => {
  const conversation = Buffer.concat([
    encodeRequest(terminal, true),
    encodeRequest({ name: 'env', variable: 'LANG', value: 'C' }),
    encodeRequest({ name: 'shell' }, true),
    encodeMessage({ type: 'data', bytes: Buffer.from('echo hello\n') }),
    encodeRequest({ name: 'window-change', ...size, columns: 132 }),
    encodeMessage({ type: 'data', bytes: Buffer.alloc(300, 0x61) }),
    encodeRequest({ name: 'signal', signal: 'TERM' }),
    encodeRequest({ name: 'other', type: 'x', data: Buffer.alloc(9) }, true),
    encodeMessage({ type: 'eof' }),
  ]);
  function play(chunks: readonly Buffer[]) {
    const bench = createSessionBench();
    for (const chunk of chunks) bench.engine.fromClient(Buffer.from(chunk));
    const { server, told, judged } = bench;
    return { client: bench.client(), server, told, judged };
  }
  const whole = play([conversation]);

  it('has the same effects', () => {
    expect(whole.server).toHaveLength(6);
    fc.assert(
      fc.property(fc.array(fc.nat(conversation.length), { maxLength: 30 }), (cuts) => {
        const points = [...new Set([0, ...cuts])].sort((a, b) => a - b);
        expect(play(points.map((from, i) => conversation.subarray(from, points[i + 1])))).toEqual(whole);
      }),
    );
    expect(play(Array.from(conversation, (byte) => Buffer.from([byte])))).toEqual(whole);
  });

  it('never starts anything unjudged, whatever comes', () => {
    const pieces = [
      encodeRequest(exec('x')),
      encodeRequest({ name: 'shell' }),
      encodeRequest(terminal),
      encodeMessage({ type: 'eof' }),
      encodeMessage({ type: 'close' }),
      encodeMessage({ type: 'data', bytes: Buffer.from('data') }),
      encodeRequest({ name: 'env', variable: 'A', value: 'b' }),
    ];
    const piece = fc.oneof(
      fc.constantFrom(...pieces),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (chunks, isDenied) => {
        const bench = createSessionBench({ judge: () => (isDenied ? deny('weir: no') : allow) });
        for (const chunk of chunks) bench.engine.fromClient(Buffer.from(chunk));
        const starts = bench.server.filter((line) => line.startsWith('start'));
        expect(starts.length).toBeLessThanOrEqual(isDenied ? 0 : 1);
        if (isDenied) expect(bench.server).toEqual([]);
        bench.engine.abandon();
        expect(bench.told.filter((line) => line === 'end')).toHaveLength(1);
        expect(bench.told.filter((line) => line.startsWith('exited'))).toHaveLength(starts.length);
      }),
    );
  });
});
