import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSftpBench, decideByPath } from './sftp-bench.ts';
import { answer, ask } from './sftp-packets.ts';

describe('a conversation in sftp', () => {
  const first = ask.init();
  const opening = Buffer.concat([ask.put(1, 'up'), ask.get(2, 'down'), ask.opendir(3, '.'), ask.get(4, 'denied')]);
  const body = Buffer.concat([
    ...[ask.write(5, 'w', 0, Buffer.alloc(300, 0x61)), ask.write(6, 'w', 300, Buffer.alloc(50, 0x62))],
    ...[
      ask.read(7, 'r', 0, 400),
      ask.readdir(8, 'd'),
      ask.extended(9, 'x', 'y'),
      ask.write(10, 'r', 0, Buffer.alloc(77, 3)),
    ],
    ...[ask.read(11, 'r', 350, 400), ask.remove(12, 'denied'), ask.rename(13, 'a', 'b')],
    ...[ask.close(14, 'w'), ask.close(15, 'r'), ask.close(16, 'd')],
  ]);
  const greeting = Buffer.concat([
    answer.version(3, ['limits@openssh.com', '1'], ['z', '1']),
    answer.name(0, '/home/u'),
  ]);
  const handles = Buffer.concat([answer.handle(1, 'w'), answer.handle(2, 'r'), answer.handle(3, 'd')]);
  const answers = Buffer.concat([
    ...[answer.status(5, 0), answer.status(6, 0), answer.data(7, Buffer.alloc(350, 0x63)), answer.name(8, 'file')],
    ...[
      answer.status(11, 1),
      answer.status(13, 4, 'no'),
      answer.status(14, 0),
      answer.status(15, 0),
      answer.status(16, 0),
    ],
  ]);

  function play(cut: (bytes: Buffer) => Buffer[], wantsContent: boolean) {
    const bench = createSftpBench({
      file: (request) => {
        const decision = decideByPath(request);
        return decision.action === 'deny' ? decision : { ...decision, wantsContent };
      },
    });
    for (const [client, target] of [
      [first, greeting],
      [opening, handles],
      [body, answers],
    ] as const) {
      for (const chunk of cut(client)) bench.client(chunk);
      for (const chunk of cut(target)) bench.target(chunk);
    }
    // Refusals may come before or behind other answers.
    const told = bench.told.filter((line) => !line.startsWith('size'));
    return {
      toTarget: bench.toTarget().toString('latin1'),
      toClient: bench.clientPackets(),
      ...{ files: bench.ended(), asked: bench.asked, stderr: bench.stderr(), told },
    };
  }

  it.each([[false], [true]])(
    'has the same effects however its bytes are split (content looked at: %s)',
    (wantsContent) => {
      const whole = play((bytes) => [bytes], wantsContent);
      expect(whole.files.map((line) => line.replace(/ [0-9a-f]{6} /, ' # '))).toEqual([
        'rename change /home/u/a /home/u/b 0 0 - part no',
        'open upload /home/u/up 350 0 # whole ok',
        'open download /home/u/down 0 350 # whole ok',
        'list list /home/u 0 0 - part ok',
      ]);
      expect(whole.toClient).toHaveLength(3 + 1 + 9 + 3);
      fc.assert(
        fc.property(fc.array(fc.nat(2000), { maxLength: 30 }), (cuts) => {
          const cut = (bytes: Buffer) => {
            const points = [...new Set([0, ...cuts.filter((at) => at < bytes.length)])].sort((a, b) => a - b);
            return points.map((from, i) => bytes.subarray(from, points[i + 1]));
          };
          expect(play(cut, wantsContent)).toEqual(whole);
        }),
      );
      expect(play((bytes) => Array.from(bytes, (byte) => Buffer.from([byte])), wantsContent)).toEqual(whole);
    },
  );

  it('never lets an operation reach the target that was not allowed, whatever comes', () => {
    const pieces = [
      ...[ask.get(1, 'denied'), ask.put(2, 'denied'), ask.remove(3, 'denied'), ask.rename(4, 'a', 'denied')],
      ...[ask.symlink(5, 'denied', 'x'), ask.extended(6, 'posix-rename@openssh.com', 'a', 'denied'), ask.stat(7, 'ok')],
      ...[ask.write(8, 'h', 0, 'denied'), ask.get(9, 'fine'), ask.extended(10, 'denied@x', 'denied')],
    ];
    const piece = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...pieces) },
      fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 3 }),
        (chunks, garbage) => {
          const bench = createSftpBench();
          bench.begin();
          for (const chunk of chunks) bench.client(Buffer.from(chunk));
          expect(bench.toTarget().includes('denied')).toBe(false);
          for (const bytes of garbage) bench.target(Buffer.from(bytes));
          bench.engine.abandon();
          expect(bench.told.filter((line) => line === 'end')).toHaveLength(1);
        },
      ),
    );
  });
});
