import { describe, expect, it } from 'vitest';
import { describeFile } from '../../src/ssh/ssh-file-facts.ts';
import type { SshFileRequest } from '../../src/ssh/ssh-request.ts';

const request = (operation: SshFileRequest['operation'], more: Partial<SshFileRequest> = {}): SshFileRequest => ({
  ...{ kind: 'file', protocol: 'sftp', within: null, operation, direction: 'change', path: 'f' },
  ...{ absolutePath: '/home/u/f', to: null, absoluteTo: null, size: null },
  ...more,
});
const filesOf = (asked: SshFileRequest) =>
  describeFile(asked).facts.files.map(({ path, direction }) => `${direction} ${path}`);

describe('the files of an operation', () => {
  it.each([
    ['a download', request('open', { direction: 'download' }), ['download /home/u/f']],
    ['both ways', request('open', { direction: 'both' }), ['upload /home/u/f', 'download /home/u/f']],
    ['a removal', request('remove'), ['change /home/u/f']],
    [
      'a file that is reached through a link',
      request('open', { direction: 'download', absolutePath: '/proc/self/root/etc/shadow', realPath: '/etc/shadow' }),
      ['download /proc/self/root/etc/shadow', 'download /etc/shadow'],
    ],
    [
      'a file that is where it is named',
      request('open', { direction: 'download', realPath: '/home/u/f' }),
      ['download /home/u/f'],
    ],
    [
      'a removal in a folder that is a link',
      request('remove', { realPath: '/data/f' }),
      ['change /home/u/f', 'change /data/f'],
    ],
    [
      'a link whose end is elsewhere',
      request('symlink', { to: 'x', absoluteTo: '/home/u/x', realPath: '/home/u/f', realTo: '/etc/x' }),
      [...['change /home/u/f', 'download /home/u/x', 'upload /home/u/x'], ...['download /etc/x', 'upload /etc/x']],
    ],
    [
      'an upload by scp to what may be a folder or a file',
      request('open', { direction: 'upload', path: '/x/f', absolutePath: '/x/f', to: '/x', absoluteTo: '/x' }),
      ['upload /x/f', 'upload /x'],
    ],
    [
      'a file in a folder that only the shell of the target knows',
      request('open', { direction: 'download', isPathKnown: false, absolutePath: null }),
      ['download null'],
    ],
  ])('%s', (_what, asked, files) => {
    expect(filesOf(asked)).toEqual(files);
  });
});
