import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileRequest, SshDecision, StreamProtocol } from '../src/index.ts';
import { type BenchOptions, createSessionBench, settle } from './session-bench.ts';

type Scp = Omit<Extract<StreamProtocol, { name: 'scp' }>, 'name'>;
interface ScpBenchOptions extends Omit<BenchOptions, 'judge'> {
  readonly file?: (request: FileRequest) => SshDecision | Promise<SshDecision>;
}

function decide({ operation, path, to, size }: FileRequest): SshDecision {
  if (path.includes('denied')) return { action: 'deny', text: `weir: ${path} is denied\nhint: ask` };
  return { action: 'forward', ticket: `${operation} ${path}${to === null ? '' : ` or ${to}`} ${size}` };
}

const sink: Scp = { mode: 'sink', paths: ['/up'], isFolder: true };
const source: Scp = { mode: 'source', paths: ['/down'], isFolder: false };

function createScpBench(scp: Scp, { file = decide, ...others }: ScpBenchOptions = {}) {
  const requests: FileRequest[] = [];
  const bench = createSessionBench({
    hash: () => createHash('sha256'),
    ...others,
    judge(request) {
      if (request.kind !== 'file') return { action: 'forward', ticket: 'scp', protocol: { name: 'scp', ...scp } };
      requests.push(request);
      return file(request);
    },
  });
  bench.request({ name: 'exec', command: 'scp' });
  const streamed = (start: string, lines: readonly string[]) =>
    lines
      .filter((line) => line.startsWith(start))
      .map((line) => line.slice(start.length))
      .join('');
  return {
    ...bench,
    requests,
    /** What the target has got, and the client. */
    target: () => streamed('in ', bench.server),
    got: () => streamed('out ', bench.client()),
    ended: () =>
      bench.files.map(({ ticket, outcome: { bytesUp, bytesDown, isWhole, error } }) =>
        [String(ticket), bytesUp, bytesDown, isWhole ? 'whole' : 'part', error ?? 'ok'].join(' '),
      ),
  };
}

describe('scp to the target', () => {
  it('passes files and folders one after the other, each when the target has answered', () => {
    const bench = createScpBench(sink);
    expect(bench.engine.paused).toBe(true);
    bench.print('\0');
    bench.type('T1700000000 0 1700000000 0\n');
    bench.print('\0');
    bench.type('D0755 0 d\n');
    bench.print('\0');
    bench.type('C0644 5 f\nhello\0E\n');
    expect(bench.target()).toBe('T1700000000 0 1700000000 0\nD0755 0 d\nC0644 5 f\n');
    bench.print('\0');
    expect(bench.target().endsWith('hello\0')).toBe(true);
    bench.print('\0');
    expect(bench.target().endsWith('hello\0E\n')).toBe(true);
    bench.print('\0');
    expect([bench.got(), bench.engine.paused]).toEqual(['\0'.repeat(6), false]);
    bench.send({ type: 'eof' });
    expect(bench.server.at(-1)).toBe('eof');
    expect(bench.ended()).toEqual(['mkdir /up/d null 0 0 part ok', 'open /up/d/f 5 5 0 whole ok']);
  });

  it.each([
    ['a folder by its option', { ...sink, paths: ['x'] }, 'x/f', null],
    ['a folder by its /', { ...sink, paths: ['/x/'], isFolder: false }, '/x/f', null],
    ['the home folder', { ...sink, paths: ['.'], isFolder: false }, './f', null],
    ['a parent', { ...sink, paths: ['/x/..'], isFolder: false }, '/x/../f', null],
    ['a file or a folder', { ...sink, paths: ['/x/y'], isFolder: false }, '/x/y/f', '/x/y'],
  ])('names the file in %s', (_what, scp, path, to) => {
    const bench = createScpBench(scp);
    bench.print('\0');
    bench.type('C0644 5 f\n');
    const absolute = path.startsWith('/') ? path.replace('/x/../', '/') : null;
    expect(bench.requests[0]).toMatchObject({
      path,
      to,
      absolutePath: absolute,
      size: 5,
      mode: 0o644,
      isPathKnown: true,
    });
  });

  it('names what lies in a folder that may be the path itself', () => {
    const bench = createScpBench({ mode: 'sink', paths: ['/x'], isFolder: false });
    bench.print('\0');
    bench.type('D0755 0 d\n');
    bench.print('\0');
    bench.type('C0644 5 f\n');
    expect(bench.requests.map(({ path, to }) => [path, to])).toEqual([
      ['/x/d', '/x'],
      ['/x/d/f', '/x/f'],
    ]);
  });

  it('tells a path that only the shell knows', () => {
    const bench = createScpBench({ mode: 'sink', paths: [], isFolder: false });
    bench.print('\0');
    bench.type('C0644 5 f\n');
    expect(bench.requests[0]).toMatchObject({ path: 'f', absolutePath: null, isPathKnown: false });
  });

  it('answers a refused file in the words of scp, and goes on with the next', () => {
    const bench = createScpBench(sink);
    bench.print('\0');
    bench.type('C0644 5 denied\n');
    expect(bench.got()).toBe('\0\x01weir: /up/denied is denied hint: ask\n');
    bench.type('C0644 0 fine\n');
    expect(bench.target()).toBe('C0644 0 fine\n');
  });

  it('takes nothing for content that the target takes for a line', () => {
    const bench = createScpBench(sink);
    bench.print('\0');
    bench.type('C0644 15 f\nC0644 1 denied\n\0');
    bench.print('\x01cannot write\n');
    expect(bench.target()).toBe('C0644 15 f\n');
    expect(bench.got()).toBe('\0\x01cannot write\n\x01weir: /up/denied is denied hint: ask\n');
    expect(bench.ended()).toEqual(['open /up/f 15 0 0 part cannot write']);
  });

  it('tells what went wrong at either end', () => {
    const bench = createScpBench(sink);
    bench.print('\0');
    bench.type('C0644 3 f\n');
    bench.print('\0');
    bench.type('abc\x01read error\n');
    bench.print('\x01disk full\n');
    bench.type('\x01no such file\n');
    bench.print('\x01late word\n');
    bench.engine.fromServer({ type: 'eof' });
    expect(bench.target()).toBe('C0644 3 f\nabc\x01read error\n\x01no such file\n');
    expect(bench.got()).toBe('\0\0\x01disk full\n\x01late word\n');
    expect(bench.ended()).toEqual(['open /up/f 3 3 0 part read error']);
  });

  it('refuses a file that is larger than may pass before a byte of it', () => {
    const bench = createScpBench(sink, { file: () => ({ action: 'forward', ticket: 't', maxBytes: 4 }) });
    bench.print('\0');
    bench.type('C0644 5 f\n');
    expect([bench.target(), bench.got()]).toEqual(['', '\0\x01weir: /up/f is larger than the 4 bytes that may pass\n']);
  });

  it('ends where the content is refused', () => {
    const bench = createScpBench(sink, {
      file: () => ({ action: 'forward', ticket: 't', wantsContent: true }),
      content: (_ticket, _direction, offset, bytes) =>
        bytes.includes('secret') ? `weir: a secret at ${offset}` : null,
    });
    bench.print('\0');
    bench.type('C0644 20 f\n');
    bench.print('\0');
    bench.type('harmless\n');
    bench.type('the secret\n');
    expect(bench.target()).toBe('C0644 20 f\nharmless\n');
    expect(bench.client().slice(-4)).toEqual(['err weir: a secret at 9\n', 'exit-status 254', 'eof', 'close']);
    expect(bench.ended()).toEqual(['t 9 0 part weir: a secret at 9']);
  });

  it.each([
    ['a name with a /', 'C0644 5 ../f\n'],
    ['the name ..', 'C0644 5 ..\n'],
    ['the name .', 'D0755 0 .\n'],
    ['no name', 'C0644 5 \n'],
    ['a name with a NUL', 'C0644 5 a\0b\n'],
    ['no size', 'C0644 f\n'],
    ['a size below nothing', 'C0644 -5 f\n'],
    ['a size of 20 digits', 'C0644 99999999999999999999 f\n'],
    ['a mode of five digits', 'C00644 5 f\n'],
    ['an unknown letter', 'X0644 5 f\n'],
    ['a time of letters', 'Tnow 0 now 0\n'],
  ])('answers %s, and the target never sees it', (_what, bytes) => {
    const bench = createScpBench(sink);
    bench.print('\0');
    bench.type(bytes);
    expect([bench.target(), bench.requests]).toEqual(['', []]);
    expect(bench.got().startsWith('\0\x01weir: ')).toBe(true);
  });

  it.each([
    ['a line without an end', 'C'.repeat(20_000), ''],
    ['the end of a folder that did not begin', 'E\n', ''],
    ['content that is longer than was said', 'C0644 1 f\nabc', '\0'],
    ['an answer that is none', 'C0644 1 f\n', 'Welcome!'],
    ['an answer without an end', 'C0644 1 f\n', `\x01${'x'.repeat(20_000)}`],
  ])('ends with a reason at %s', (_what, client, target) => {
    const bench = createScpBench(sink);
    bench.print('\0');
    bench.type(client);
    bench.print(target);
    expect(bench.client().slice(-3)).toEqual(['exit-status 254', 'eof', 'close']);
    expect(bench.told.some((line) => line.startsWith('protocol: the '))).toBe(true);
  });

  it('ends what is open when the channel ends', () => {
    const bench = createScpBench(sink);
    bench.print('\0');
    bench.type('C0644 9 f\n');
    bench.print('\0');
    bench.type('abc');
    bench.send({ type: 'close' });
    expect(bench.ended()).toEqual(['open /up/f 9 3 0 part the client closed the channel']);
  });
});

describe('scp of a folder', () => {
  it('ends when the channel ends before the folder is taken', () => {
    const bench = createScpBench(sink);
    bench.print('\0');
    bench.type('D0755 0 d\n');
    bench.send({ type: 'close' });
    expect(bench.ended()).toEqual(['mkdir /up/d null 0 0 part the client closed the channel']);
  });
});

describe('scp from the target', () => {
  it('passes files when the client takes them', () => {
    const bench = createScpBench(source);
    bench.type('\0');
    bench.print('D0755 0 down\n');
    bench.type('\0');
    bench.print('C0644 5 f\n');
    bench.type('\0');
    bench.print('hello\0');
    bench.type('\0');
    bench.print('E\n');
    bench.type('\0');
    expect(bench.got()).toBe('D0755 0 down\nC0644 5 f\nhello\0E\n');
    expect(bench.target()).toBe('\0'.repeat(5));
    expect(bench.ended()).toEqual(['list /down null 0 0 part ok', 'open /down/f 5 0 5 whole ok']);
  });

  it('tells client and target of a refused file', () => {
    const bench = createScpBench({ ...source, paths: ['/etc/denied'] });
    bench.type('\0');
    bench.print('C0600 5 denied\n');
    expect(bench.got()).toBe('\x01weir: /etc/denied is denied hint: ask\n');
    expect(bench.target()).toBe('\0\x01weir: /etc/denied is denied hint: ask\n');
    bench.print('C0600 5 other\n');
    expect(bench.requests[1]).toMatchObject({ path: 'other', isPathKnown: false });
  });

  it('takes answers that come before their time in their order', () => {
    const bench = createScpBench(source);
    bench.type('\0\0\0');
    bench.send({ type: 'eof' });
    bench.print('C0644 5 down\n');
    bench.print('hello\0');
    expect(bench.got()).toBe('C0644 5 down\nhello\0');
    expect(bench.server.slice(1)).toEqual(['in \0\0\0', 'eof']);
  });

  it('lets the client skip a file', () => {
    const bench = createScpBench(source);
    bench.type('\0');
    bench.print('C0644 5 down\n');
    bench.type('\x01exists\n');
    bench.print('C0644 2 down\n');
    expect(bench.ended()).toEqual(['open /down 5 0 0 part exists']);
    expect(bench.got()).toBe('C0644 5 down\nC0644 2 down\n');
  });

  it('waits for decisions', async () => {
    const bench = createScpBench(source, { file: async (request) => decide(request) });
    bench.type('\0');
    bench.print('C0644 5 down\nhello\0');
    bench.type('\0');
    expect([bench.got(), bench.engine.paused]).toEqual(['', true]);
    await settle();
    expect([bench.got(), bench.engine.paused]).toEqual(['C0644 5 down\nhello\0', false]);
  });

  it('never takes more than 1 MiB that nobody reads', () => {
    const bench = createScpBench(source);
    bench.type('\0');
    bench.print('C0644 5 down\n');
    for (let i = 0; i < 2 * 1024 && bench.told.at(-1) !== 'end'; i++) bench.print('x'.repeat(1024));
    expect(bench.told).toContain('protocol: the target sent too much at once');
  });
});

describe('scp, however its bytes are split', () => {
  const parts: readonly (readonly ['client' | 'target', string])[] = [
    ['target', '\0'],
    ['client', 'T1 0 1 0\n'],
    ['target', '\0'],
    ['client', 'C0644 300 one\n'],
    ['target', '\0'],
    ['client', `${'a'.repeat(300)}\0`],
    ['target', '\0'],
    ['client', 'C0644 5 denied\n'],
    ['client', 'D0755 0 dir\n'],
    ['target', '\0'],
    ['client', 'C0644 4 two\n'],
    ['target', '\x01cannot\n'],
    ['client', 'E\n'],
    ['target', '\0'],
    ['client', '\x02gone\n'],
  ];
  function play(cut: (text: string) => string[], isUpload: boolean) {
    const bench = createScpBench(isUpload ? sink : source);
    for (const [side, text] of parts)
      for (const piece of cut(text)) ((side === 'client') === isUpload ? bench.type : bench.print)(piece);
    return {
      target: bench.target(),
      got: bench.got(),
      ended: bench.ended(),
      requests: bench.requests,
      told: bench.told,
    };
  }

  it.each([[true], [false]])('has the same effects (upload: %s)', (isUpload) => {
    const whole = play((text) => [text], isUpload);
    expect([whole.ended.length, whole.requests.length]).toEqual([3, 4]);
    fc.assert(
      fc.property(fc.array(fc.nat(320), { maxLength: 12 }), (cuts) => {
        const cut = (text: string) => {
          const points = [...new Set([0, ...cuts.filter((at) => at < text.length)])].sort((a, b) => a - b);
          return points.map((from, i) => text.slice(from, points[i + 1]));
        };
        expect(play(cut, isUpload)).toEqual(whole);
      }),
    );
    expect(play((text) => [...text], isUpload)).toEqual(whole);
  });

  it('never names a refused file to the target, whatever comes', () => {
    const word = fc.constantFrom(
      'C0644 5 denied\n',
      'C0644 0 ok\n',
      'D0755 0 denied\n',
      'D0755 0 d\n',
      'E\n',
      '\0',
      'hello',
      'T1 0 1 0\n',
      '\x01x\n',
    );
    const reply = fc.constantFrom('\0', '\x01no\n', '\x02no\n');
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            word.map((text) => ['client', text]),
            reply.map((text) => ['target', text]),
          ),
          { maxLength: 20 },
        ),
        (steps) => {
          const bench = createScpBench(sink);
          let inContent = 0;
          for (const [side, text = ''] of steps) (side === 'client' ? bench.type : bench.print)(text);
          // What the target takes for lines, read as it does.
          const lines = bench.target();
          for (let at = 0; at < lines.length; ) {
            if (inContent > 0) {
              at += inContent;
              inContent = 0;
              continue;
            }
            const end = lines.indexOf('\n', at);
            const line = lines.slice(at, end < 0 ? undefined : end);
            expect(line.startsWith('C') || line.startsWith('D') ? line.includes('denied') : false).toBe(false);
            at = end < 0 ? lines.length : end + 1;
          }
          bench.engine.abandon();
          expect(bench.told.filter((told) => told === 'end')).toHaveLength(1);
        },
      ),
    );
  });
});
