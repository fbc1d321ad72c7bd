import { describe, expect, it } from 'vitest';
import { createTranscript, type TranscriptOptions } from '../src/transcript/transcript.ts';

/** Lines of a transcript of one channel, without times. */
function linesOf(events: readonly object[], options: TranscriptOptions = {}): string[] {
  const transcript = createTranscript(options);
  const lines = events.flatMap((event, index) =>
    transcript.of({
      ...{ session: 'ses_abc', channel: 1, sequence: index + 1, receivedAtMs: 1 },
      event: { atMs: 1, ...event } as { event: string; atMs: number },
    }),
  );
  return [...lines, ...transcript.end()].map((line) => line.replace(/^ *[0-9.]*s? (\[1\] )?/, '').trimEnd());
}
const statement = {
  ...{ event: 'statement', statement: 1, phase: 'request', kind: 'exec', text: 'rm -rf /tmp/x', action: 'allow' },
  ...{ rule: 'ops', reason: '', parameters: [], trace: [], tables: [], maskedColumns: [], approval: null },
};
const exit = {
  ...{ event: 'exit', statement: 1, status: 1, signal: null, durationMs: 12.34, stdinBytes: 0, stdoutBytes: 5 },
  ...{ stderrBytes: 3, stdoutSha256: null, stderrSha256: null, isWhole: true },
};
const sha256 = 'b'.repeat(64);

describe('a transcript of SSH', () => {
  it.each<[string, object, string[]]>([
    [
      'a channel',
      {
        ...{ event: 'channel-opened', applicationName: 'OpenSSH_9.2', serverVersion: 'OpenSSH_9.6' },
        ssh: { type: 'session', connection: 2, hostKey: 'SHA256:abc' },
      },
      ['client connected: OpenSSH_9.2 (server OpenSSH_9.6), channel session of connection 2, host key SHA256:abc'],
    ],
    ['a command', statement, ['#1 exec allowed by ops', 'rm -rf /tmp/x']],
    ['a denial', { ...statement, action: 'deny', reason: 'no' }, ['#1 exec DENIED by ops: no', 'rm -rf /tmp/x']],
    ['an exit', exit, ['#1 -> exit status 1, 12.3 ms, 0 bytes in, 5 out, 3 err']],
    [
      'an end by a signal, with output that was not kept',
      { ...exit, status: null, signal: 'TERM', isWhole: false, stdoutSha256: sha256 },
      [
        '#1 -> ended by the signal TERM, 12.3 ms, 0 bytes in, 5 out, 3 err',
        'not all of its output was recorded',
        `SHA-256 of all of stdout: ${sha256}`,
      ],
    ],
    ['a terminal', { event: 'terminal', term: 'xterm', columns: 80, rows: 24 }, ['terminal xterm, 80 x 24']],
    ['a size', { event: 'resize', columns: 100, rows: 30 }, ['terminal is 100 x 30 now']],
    ['typed text', { event: 'input', text: 'ls\r' }, ['typed: ls\\r']],
    [
      'a password',
      { event: 'input', text: '', hiddenBytes: 9 },
      ['typed: 9 bytes without an echo, which are not kept'],
    ],
    [
      'a file',
      {
        event: 'file',
        statement: 2,
        operation: 'read',
        path: '/etc/\u001bx',
        to: null,
        bytes: 9,
        sha256,
        isWhole: true,
        error: null,
      },
      [`#2 -> read /etc/\\x1bx: 9 bytes, SHA-256 ${sha256}`],
    ],
    [
      'a rename',
      {
        event: 'file',
        statement: 2,
        operation: 'rename',
        path: '/a',
        to: '/b',
        bytes: 0,
        sha256: null,
        isWhole: true,
        error: null,
      },
      ['#2 -> rename /a to /b'],
    ],
    [
      'a file that could not be written',
      {
        event: 'file',
        statement: 2,
        operation: 'write',
        path: '/a',
        to: null,
        bytes: 0,
        sha256: null,
        isWhole: false,
        error: 'no space',
      },
      ['#2 -> write /a failed: no space'],
    ],
    [
      'a forward',
      { event: 'forward', statement: 3, destination: 'db:5432', bytesUp: 10, bytesDown: 20 },
      ['#3 -> db:5432 closed: 10 bytes up, 20 bytes down'],
    ],
    [
      'an event of a newer version',
      { event: 'portal', text: '\u001b' },
      ['{"atMs":1,"event":"portal","text":"\\u001b"}'],
    ],
  ])('tells of %s in words', (_, event, lines) => {
    expect(linesOf([event])).toEqual(lines);
  });

  const output = (text: string, stream = 'stdout') => ({ event: 'output', stream, text });
  it('puts output together to lines, before what comes behind it', () => {
    expect(
      linesOf([output('on'), output('e\r\ntw'), output('bad\n', 'stderr'), output('o'), exit, output('last')]),
    ).toEqual(['| one', '! bad', '| two', '#1 -> exit status 1, 12.3 ms, 0 bytes in, 5 out, 3 err', '| last']);
  });

  it('spells control characters out, or leaves them away', () => {
    const events = [output('\u001b[31mred\u001b[0m lss\b \b\r\n')];
    expect(linesOf(events)).toEqual(['| \\x1b[31mred\\x1b[0m lss\\x08 \\x08']);
    expect(linesOf(events, { output: 'plain' })).toEqual(['| red ls']);
  });
});
