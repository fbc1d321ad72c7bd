import { describe, expect, it } from 'vitest';
import { classifyExec, filesOfExec } from '../src/index.ts';
import { notSent, sent } from './cases/execs.ts';

describe('what scp, rsync, git and sftp send', () => {
  it.each(sent)('%j', (text, expected) => expect(classifyExec(text)).toEqual(expected));
});

describe('what they do not send is plain exec', () => {
  it.each(notSent)('%j', (text) => expect(classifyExec(text)).toEqual({ kind: 'exec' }));
});

describe('the files of an exec', () => {
  it('are those of its command line', () => {
    expect(filesOfExec(classifyExec('rsync --server --sender -e.LsfxCIvu . x /y'))).toEqual([
      { path: 'x', direction: 'download', size: null, content: [] },
      { path: '/y', direction: 'download', size: null, content: [] },
    ]);
    expect(filesOfExec(classifyExec("git-receive-pack 'x'"))).toEqual([
      { path: 'x', direction: 'upload', size: null, content: [] },
    ]);
    expect(filesOfExec(classifyExec('cat x'))).toEqual([]);
  });
});
