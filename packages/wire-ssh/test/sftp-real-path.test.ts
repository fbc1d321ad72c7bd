import { describe, expect, it } from 'vitest';
import type { FileRequest } from '../src/index.ts';
import { createSftpBench } from './sftp-bench.ts';
import { answer, ask, packetsOf } from './sftp-packets.ts';

const ownId = 0xffff_ffff;

/** Paths of the filter's own questions, in what the target has got. */
function questionsOf(bytes: Buffer): string[] {
  const paths: string[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at))
    if (bytes[at + 4] === 16) paths.push(bytes.toString('utf8', at + 13, at + 13 + bytes.readUInt32BE(at + 9)));
  return paths.slice(1);
}

describe('where paths of sftp really lead', () => {
  it.each([
    ['OPEN', ask.get(1, 'a/f'), ['a/f'], ['/real/1']],
    ['OPENDIR', ask.opendir(1, '/d'), ['/d'], ['/real/1']],
    ['SETSTAT', ask.setstat(1, '/d', 0), ['/d'], ['/real/1']],
    ['REMOVE', ask.remove(1, '/d/f'), ['/d/'], ['/real/1/f']],
    ['REMOVE of a name', ask.remove(1, 'f'), ['.'], ['/real/1/f']],
    ['RMDIR', ask.rmdir(1, '/d//e//'), ['/d//'], ['/real/1/e']],
    ['RMDIR of a parent', ask.rmdir(1, '/d/..'), ['/d/..'], ['/real/1']],
    ['MKDIR', ask.mkdir(1, '/d'), ['/'], ['/real/1/d']],
    ['RENAME', ask.rename(1, '/d/f', 'g'), ['/d/', '.'], ['/real/1/f', '/real/2/g']],
    ['posix-rename', ask.extended(1, 'posix-rename@openssh.com', 'f', 'g'), ['.', '.'], ['/real/1/f', '/real/2/g']],
    ['SYMLINK', ask.symlink(1, '../x', 'd/l'), ['d/', '/home/u/x'], ['/real/1/l', '/real/2']],
    ['LSTAT', ask.lstat(1, '/d'), [], [null]],
    ['READLINK', ask.readlink(1, '/d'), [], [null]],
  ] as const)('are asked of the target before %s is judged', (_what, bytes, questions, real) => {
    const judged: FileRequest[] = [];
    const bench = createSftpBench({
      isByLetters: false,
      file: (request) => {
        judged.push(request);
        return { action: 'forward', ticket: 't' };
      },
    });
    bench.begin();
    bench.client(Buffer.concat([bytes, ask.stat(2, 'later')]));
    for (let i = 1; i <= questions.length; i++) {
      expect(bench.engine.paused).toBe(true);
      expect(judged).toEqual([]);
      bench.target(answer.name(ownId, `/real/${i}`));
    }
    expect(questionsOf(bench.toTarget())).toEqual(questions);
    expect([judged[0]?.realPath, judged[0]?.realTo].slice(0, real.length)).toEqual(real);
    expect(bench.targetPackets().slice(-2)).toEqual([packetsOf(bytes)[0], '17 2']);
    expect(bench.clientPackets()).toEqual([]);
    expect(bench.engine.paused).toBe(false);
  });

  it('decide, when a rule is about them', () => {
    const bench = createSftpBench({
      isByLetters: false,
      file: ({ realPath }) =>
        realPath?.startsWith('/etc/') === true
          ? { action: 'deny', text: 'weir: not from /etc' }
          : { action: 'forward', ticket: 't' },
    });
    bench.begin();
    bench.client(ask.get(1, '/proc/self/root/etc/shadow'));
    bench.target(answer.name(ownId, '/etc/shadow'));
    expect(bench.targetPackets()).toEqual([`16 ${ownId}`]);
    expect(bench.clientPackets()).toEqual(['status 1 3 weir: not from /etc']);
  });

  it('are unknown when the target does not know them', () => {
    const judged: (string | null)[] = [];
    const bench = createSftpBench({
      isByLetters: false,
      file: ({ realPath }) => {
        judged.push(realPath);
        return { action: 'forward', ticket: 't' };
      },
    });
    bench.begin();
    bench.client(ask.put(1, '/missing/f'));
    bench.target(answer.status(ownId, 2));
    expect(judged).toEqual([null]);
  });

  it('are asked by an id that the client does not use', () => {
    const bench = createSftpBench({ isByLetters: false });
    bench.begin();
    bench.client(Buffer.concat([ask.stat(ownId, 'x'), ask.get(ownId - 1, 'f')]));
    bench.target(Buffer.concat([answer.name(ownId - 1, '/real'), answer.size(ownId, 1)]));
    expect(bench.targetPackets()).toEqual([`17 ${ownId}`, `16 ${ownId - 1}`, `3 ${ownId - 1}`]);
    expect(bench.clientPackets()).toEqual([`105 ${ownId}`]);
  });

  it('do not outlive the channel', () => {
    const bench = createSftpBench({ isByLetters: false });
    bench.begin();
    bench.client(ask.get(1, 'f'));
    bench.engine.abandon();
    bench.target(answer.name(ownId, '/real'));
    expect([bench.asked, bench.files]).toEqual([[], []]);
  });
});
