import type { ExecKind } from '../../src/index.ts';

/** A short form: direction, letters of flags, paths. */
type Row = readonly [text: string, expected: ExecKind | string];

const scp = (
  direction: 'upload' | 'download',
  path: string | null,
  more: Partial<Extract<ExecKind, { kind: 'scp' }>> = {},
): ExecKind => ({ kind: 'scp', direction, isRecursive: false, isPreserving: false, isFolder: false, path, ...more });
const rsync = (direction: 'upload' | 'download', paths: readonly (string | null)[], isRemoving = false): ExecKind => ({
  ...{ kind: 'rsync', direction, isRemoving, paths },
});
const git = (service: 'upload-pack' | 'receive-pack' | 'upload-archive', path: string | null): ExecKind => ({
  ...{ kind: 'git', service, direction: service === 'receive-pack' ? 'upload' : 'download', path },
});

/** As OpenSSH 9.2, rsync 3.2 and git 2.39 send them (captured by a stand-in for ssh). */
export const sent: readonly Row[] = [
  ['scp -t /tmp/x', scp('upload', '/tmp/x')],
  ['scp -d -t /tmp/', scp('upload', '/tmp', { isFolder: true })],
  ['scp -r -t .', scp('upload', '.', { isRecursive: true })],
  ['scp -v -t x', scp('upload', 'x')],
  ['scp -r -p -d -t x', scp('upload', 'x', { isRecursive: true, isPreserving: true, isFolder: true })],
  ['scp -p -t a\\ b', scp('upload', 'a b', { isPreserving: true })],
  ['scp -f /etc/passwd', scp('download', '/etc/passwd')],
  ['scp -r -p -f /etc/*.conf', scp('download', null, { isRecursive: true, isPreserving: true })],
  ['scp -f -- -x', scp('download', '-x')],
  ['scp -f ~/x', scp('download', '~/x')],
  ["scp -f 'a b'", scp('download', 'a b')],
  ['scp -f a#b', scp('download', 'a#b')],
  ['scp -f ../x', scp('download', null)],
  ['rsync --server -logDtpre.iLsfxCIvu . /srv/d', rsync('upload', ['/srv/d'])],
  ['rsync --server -vlogDtprze.iLsfxCIvu --delete . /srv/a\\ b', rsync('upload', ['/srv/a b'], true)],
  ['rsync --server --sender -e.LsfxCIvu . /etc/passwd', rsync('download', ['/etc/passwd'])],
  ['rsync --server --sender -logDtpre.iLsfxCIvu . /etc/*.conf', rsync('download', [null])],
  ['rsync --server -ltprze.iLsfxCIvu --log-format=X --bwlimit=100 --partial . .', rsync('upload', ['.'])],
  ['rsync --server -logDtpre.iLsfxCIvu . a b', rsync('upload', ['a', 'b'])],
  ['rsync --server --sender -e.LsfxCIvu --remove-source-files . x', rsync('download', ['x'], true)],
  ['rsync --server --sender -e.LsfxCIvu . x y', rsync('download', ['x', 'y'])],
  ['rsync --server --sender -de.LsfxCIvu --list-only . x', rsync('download', ['x'])],
  ["git-upload-pack 'repo.git'", git('upload-pack', 'repo.git')],
  ["git-upload-pack '/srv/a b.git'", git('upload-pack', '/srv/a b.git')],
  ["git-receive-pack 'it'\\''s'", git('receive-pack', "it's")],
  ["git-upload-archive 'repo'", git('upload-archive', 'repo')],
  ["git-upload-pack '~/x'", git('upload-pack', '~/x')],
  ["git-upload-pack '~app/x'", git('upload-pack', null)],
  ['/usr/lib/openssh/sftp-server', { kind: 'sftp' }],
];

/** What looks like it and is not: plain exec, judged as a shell text. */
export const notSent: readonly string[] = [
  ...[
    '',
    'ls',
    'scp',
    'scp -t',
    'scp x y',
    'scp -t -f x',
    'scp -t a b',
    'scp -t x; ls',
    'scp -t x && ls',
    'scp -t x | sh',
    'scp -t x &',
  ],
  ...[
    'scp -t x > y',
    'scp -t $(ls)',
    'scp -t `ls`',
    'scp -t $x',
    'scp -t "$x"',
    'A=1 scp -t x',
    'scp -t x\nls',
    'scp -t -x',
    'scp -S ls -t x',
  ],
  ...[
    'scp -o ProxyCommand=ls -t x',
    'scp -t ""',
    'scp -t x #',
    'scp -tS x',
    'scp -rt x',
    '/tmp/scp -t x',
    './scp -t x',
    'sudo scp -t x',
    'scp -t {a,b}',
  ],
  ...[
    'scp -t *',
    'scp -t x\0',
    '(scp -t x)',
    'f() { scp -t x; }',
    'scp -t <(ls)',
    "scp -t 'x",
    'scp -f ~/x y',
    "scp -f a'b",
    'scp -t x ;',
    'exec scp -t x',
  ],
  ...[
    'rsync',
    'rsync a b',
    'rsync --server',
    'rsync --server . x; ls',
    'rsync --server -slogDtpre.iLsfxCIvu',
    'rsync --server -e ls . x',
  ],
  ...[
    'rsync --server --rsh=ls . x',
    'rsync --server -e.L --rsync-path=ls . x',
    'rsync --server -e.L . x --rsh=ls',
    'rsync --server --daemon .',
  ],
  ...[
    'rsync --server -e.L --config=x . x',
    'rsync --server -e.L . $x',
    'rsync --server -e.L --log-file=/etc/x . x',
    'rsync --server -e.L --files-from=/etc/x . x',
  ],
  ...[
    'rsync --server -e.L --backup-dir=/b . x',
    'rsync --server -e.L --temp-dir=/b . x',
    'rsync --server -e.L --copy-dest=/b . x',
    'rsync --server -e.L .',
  ],
  ...[
    'sudo rsync --server -e.L . x',
    'rsync --server -M--log-file=x . x',
    'rsync --server --write-batch=x . y',
    'rsync --sender --server . x',
  ],
  ...[
    'git-upload-pack',
    "git-upload-pack 'a' 'b'",
    "git-upload-pack 'a'; ls",
    'git-upload-pack --strict a',
    "git-shell -c 'ls'",
    "git upload-pack 'a'",
  ],
  ...[
    'git-upload-pack $(ls)',
    "git-upload-pack 'a' > x",
    "A=1 git-upload-pack 'a'",
    'sftp',
    'sftp-server x',
    '/tmp/sftp-server',
    'sftp-server -d /',
    'sftp-server; ls',
  ],
];
