import { describe, expect, it } from 'vitest';
import type { SshRequest } from '../../src/index.ts';
import { document } from '../fixture.ts';
import { allKinds, createSshTestGate, deny, fileRequest, said, usual } from './ssh-gate-fixture.ts';

const place = { host: 'db.internal', port: 5432 };
const get = fileRequest;

describe('what the record says of a request', () => {
  it.each<[SshRequest, string, string]>([
    [{ kind: 'shell', terminal: true }, 'shell', 'shell'],
    [{ kind: 'exec', command: 'ls -l /tmp', terminal: false }, 'exec', 'ls -l /tmp'],
    [{ kind: 'exec', command: 'scp -t /tmp', terminal: false }, 'scp', 'scp -t /tmp'],
    [{ kind: 'exec', command: 'scp -t /tmp; id', terminal: false }, 'exec', 'scp -t /tmp; id'],
    [
      { kind: 'exec', command: 'rsync --server --sender -vr . /srv', terminal: false },
      'rsync',
      'rsync --server --sender -vr . /srv',
    ],
    [{ kind: 'exec', command: "git-upload-pack '/srv/x.git'", terminal: false }, 'git', "git-upload-pack '/srv/x.git'"],
    [
      { kind: 'exec', command: '/usr/lib/openssh/sftp-server', terminal: false },
      'sftp',
      '/usr/lib/openssh/sftp-server',
    ],
    [{ kind: 'subsystem', name: 'sftp', terminal: false }, 'sftp', 'subsystem sftp'],
    [{ kind: 'subsystem', name: 'netconf', terminal: false }, 'subsystem', 'subsystem netconf'],
    [{ kind: 'auth-agent' }, 'auth-agent', 'auth-agent'],
    [{ kind: 'x11' }, 'x11', 'x11'],
    [{ kind: 'incoming-auth-agent' }, 'auth-agent', 'auth-agent: the target uses the agent'],
    [{ kind: 'direct-tcpip', destination: place }, 'direct-tcpip', 'direct-tcpip to db.internal:5432'],
    [
      { kind: 'direct-streamlocal', destination: { path: '/run/x' } },
      'direct-streamlocal',
      'direct-streamlocal to /run/x',
    ],
    [
      { kind: 'forwarded-tcpip', isListening: true, destination: place },
      'forwarded-tcpip',
      'forwarded-tcpip listen at db.internal:5432',
    ],
    [
      { kind: 'forwarded-tcpip', isListening: false, destination: place },
      'forwarded-tcpip',
      'forwarded-tcpip from db.internal:5432',
    ],
    [get('/etc/hosts'), 'file-read', 'get /etc/hosts'],
    [get('x', { absolutePath: '/home/deploy/x', direction: 'upload' }), 'file-write', 'put /home/deploy/x'],
    [get('/tmp/x', { realPath: '/etc/shadow' }), 'file-read', 'get /tmp/x (really /etc/shadow)'],
    [get('/tmp', { operation: 'list', direction: 'list' }), 'file-list', 'list /tmp'],
    [get('/tmp/x', { operation: 'remove', direction: 'change' }), 'file-change', 'rm /tmp/x'],
    [get('/tmp/x', { operation: 'rename', direction: 'change', to: '/tmp/y' }), 'file-change', 'rename /tmp/x /tmp/y'],
  ])('%j', (request, kind, text) => {
    const { now, events } = createSshTestGate();
    const decision = now(request);
    expect(decision).toMatchObject({ action: 'forward', ticket: { number: 1, isRecorded: true } });
    expect(events).toMatchObject([
      { event: 'statement', statement: 1, phase: 'request', kind, text, action: 'allow', rule: 'everyone', tables: [] },
    ]);
  });

  it.each<[string, SshRequest]>([
    ['stat', get('/x', { operation: 'stat', direction: 'list' })],
    ['realpath', get('.', { operation: 'realpath', direction: 'list' })],
    ['readlink', get('/x', { operation: 'readlink', direction: 'list' })],
    ['statvfs', get('/x', { operation: 'statvfs', direction: 'list' })],
    ['a variable', { kind: 'env', variable: 'LANG', value: 'C' }],
  ])('says nothing of %s that is allowed', (_name, request) => {
    const { now, events } = createSshTestGate();
    const subsystem = now({ kind: 'subsystem', name: 'sftp', terminal: false });
    const within = subsystem.action === 'forward' ? subsystem.ticket : null;
    const decision = now(request.kind === 'file' ? { ...request, within } : request);
    expect(decision).toMatchObject({
      action: 'forward',
      ticket: { number: request.kind === 'file' ? 1 : 0, isRecorded: false },
    });
    expect(events).toHaveLength(1);
  });

  it('numbers statements, denied ones too', () => {
    const { exec, events } = createSshTestGate(allKinds + deny('no-rm', '{ ssh: { programs: [rm] } }'));
    for (const command of ['ls', 'rm x', 'id']) exec(command);
    expect(events.map(({ statement, action }) => [statement, action])).toEqual([
      ...[
        [1, 'allow'],
        [2, 'deny'],
        [3, 'allow'],
      ],
    ]);
  });

  it('keeps values of variables to itself', () => {
    const { now, events } = createSshTestGate(usual);
    now({ kind: 'env', variable: 'AWS_SECRET', value: 'hunter2' });
    expect(JSON.stringify(events)).not.toContain('hunter2');
    expect(events).toMatchObject([{ text: 'env AWS_SECRET', action: 'deny', rule: 'unsafe-variable' }]);
  });

  it('cuts a text that is longer than 64 KiB', () => {
    const { exec, events } = createSshTestGate();
    exec(`echo ${'x'.repeat(70_000)}`);
    expect(events[0]?.['text']).toMatch(/^echo x{65531}… \(70005 characters\)$/);
  });
});

describe('what passes afterwards', () => {
  it.each<[string, string, unknown]>([
    ['exec', 'ls', { name: 'raw' }],
    ['scp -t', 'scp -t /tmp', { name: 'scp', mode: 'sink', paths: ['/tmp'], isFolder: false }],
    ['scp -f', 'scp -v -f x', { name: 'scp', mode: 'source', paths: ['x'], isFolder: false }],
    ['scp with wildcards', 'scp -f /tmp/*', { name: 'scp', mode: 'source', paths: [], isFolder: false }],
    ['scp that is more than scp', 'scp -t /tmp & id', { name: 'raw' }],
    ['sftp-server', '/usr/lib/openssh/sftp-server', { name: 'sftp', isByLetters: true }],
    ['rsync', 'rsync --server -vr . /srv', { name: 'raw' }],
  ])('%s', (_name, command, protocol) => {
    expect(createSshTestGate().exec(command)).toMatchObject({ action: 'forward', protocol });
  });

  it('asks where paths really lead when a rule is about paths', () => {
    const { now } = createSshTestGate(allKinds + deny('etc', '{ ssh: { paths: [/etc/*] } }'));
    expect(now({ kind: 'subsystem', name: 'sftp', terminal: false })).toMatchObject({
      protocol: { name: 'sftp', isByLetters: false },
    });
  });
});

describe('a denial for a person', () => {
  it('says what, why, what to do, the rule and the session', () => {
    const { exec } = createSshTestGate(usual + deny('no-rm', '{ ssh: { programs: [rm] } }'));
    expect(exec('rm x')).toMatchObject({
      action: 'deny',
      text: [
        'weir: It runs rm.',
        'Do it in another way, or ask an administrator of the policy.',
        'Denied by rule "no-rm" of the access policy, session ses_1.',
      ].join('\n'),
    });
  });

  it('holds nothing that a terminal would obey', () => {
    const { now } = createSshTestGate(allKinds + deny('no', '{ ssh: { paths: ["/x*"] } }'));
    const decision = now(get('/x\u001b]0;pwned\u0007\u009b31m\u202egnp\n2'));
    expect(decision.action === 'deny' && decision.text).toBe(
      [
        'weir: It reads /x ]0;pwned 31m gnp 2.',
        'Do it in another way, or ask an administrator of the policy.',
        'Denied by rule "no" of the access policy, session ses_1.',
      ].join('\n'),
    );
  });
});

describe('rules meet files however they are named', () => {
  const policy = allKinds + deny('etc', '{ ssh: { paths: ["/etc/*"] } }');
  const reads = allKinds + deny('etc', '{ ssh: { paths: ["/etc/*"], directions: [download] } }');
  const writes = allKinds + deny('etc', '{ ssh: { paths: ["/etc/*"], directions: [upload] } }');
  it.each<[string, string, SshRequest, string]>([
    ['get', policy, get('/etc/shadow'), 'It reads /etc/shadow.'],
    ['relative', policy, get('x', { absolutePath: '/etc/x' }), 'It reads /etc/x.'],
    ['through a link', policy, get('/tmp/x', { realPath: '/etc/shadow' }), 'It reads /etc/shadow.'],
    [
      'hard link, then get',
      reads,
      get('/etc/shadow', { operation: 'hardlink', direction: 'change', to: '/tmp/x' }),
      'It reads /etc/shadow.',
    ],
    [
      'symbolic link, then get',
      reads,
      get('/tmp/x', { operation: 'symlink', direction: 'change', to: '/etc/shadow' }),
      'It reads /etc/shadow.',
    ],
    [
      'relative symbolic link',
      reads,
      get('/tmp/x', { operation: 'symlink', direction: 'change', to: '../etc/shadow', absoluteTo: null }),
      'It reads a file whose name is computed when it runs.',
    ],
    [
      'rename, then get',
      reads,
      get('/etc/shadow', { operation: 'rename', direction: 'change', to: '/tmp/x' }),
      'It reads /etc/shadow.',
    ],
    [
      'put elsewhere, then rename',
      writes,
      get('/tmp/x', { operation: 'rename', direction: 'change', to: '/etc/cron.d/x' }),
      'It writes /etc/cron.d/x.',
    ],
    [
      'put elsewhere, then copy',
      writes,
      get('/tmp/x', { operation: 'copy', direction: 'change', to: '/etc/cron.d/x' }),
      'It writes /etc/cron.d/x.',
    ],
    ['open for both', writes, get('/etc/passwd', { direction: 'both' }), 'It writes /etc/passwd.'],
    [
      'scp into what may be a folder',
      writes,
      get('/tmp/x', { protocol: 'scp', direction: 'upload', to: '/etc/x' }),
      'It writes /etc/x.',
    ],
    [
      'scp with wildcards',
      reads,
      get('x', { protocol: 'scp', isPathKnown: false }),
      'It reads a file whose name is computed when it runs.',
    ],
    ['another file', policy, get('/tmp/x'), 'forward'],
    ['writing where only reading is denied', reads, get('/etc/x', { direction: 'upload' }), 'forward'],
  ])('%s', (_name, rules, request, expected) => {
    expect(said(createSshTestGate(rules).now(request))).toBe(expected);
  });
});

describe('content and size of files', () => {
  const cards = allKinds + deny('no-cards', '{ ssh: { directions: [download], content: [card] } }');
  it('is looked at where a rule asks for it', () => {
    const { now, gate, events } = createSshTestGate(cards);
    const decision = now(get('/srv/x.csv'));
    if (decision.action === 'deny') throw new Error('denied');
    expect([decision.wantsContent, decision.ticket.content]).toEqual([true, ['card']]);
    expect(gate.content(decision.ticket, [])).toBeNull();
    expect(gate.content(decision.ticket, ['email'])).toBeNull();
    expect(gate.content(decision.ticket, ['card'])).toContain(
      'weir: It reads /srv/x.csv, which holds content of the type card.',
    );
    expect(events.at(-1)).toMatchObject({ event: 'note', code: 'content-refused', statement: 1 });
  });

  it('is not looked at elsewhere', () => {
    const { now } = createSshTestGate(cards);
    expect(now(get('/srv/x.csv', { direction: 'upload' }))).toMatchObject({ wantsContent: false, maxBytes: null });
  });

  it('is bounded in size', () => {
    const { now } = createSshTestGate(allKinds + deny('small', '{ ssh: { directions: [upload], sizeOver: 1000 } }'));
    expect(now(get('/x', { direction: 'upload' }))).toMatchObject({ action: 'forward', maxBytes: 1000 });
    expect(now(get('/x', { direction: 'upload', protocol: 'scp', size: 900 }))).toMatchObject({ maxBytes: null });
    expect(said(now(get('/x', { direction: 'upload', protocol: 'scp', size: 1001 })))).toBe(
      'It writes /x with 1001 bytes, more than 1000.',
    );
  });

  it('is refused where a rule asks for approval and the file has begun', () => {
    const rule = `{ match: { ssh: { content: [card] } }, action: require-approval, approval: { approvers: { groups: [leads] } } }`;
    const { now, gate } = createSshTestGate(
      `${allKinds}---\napiVersion: weir.dev/v1\nkind: Guardrail\nmetadata: { name: ask }\nspec: ${rule}\n`,
    );
    const decision = now(get('/x'));
    if (decision.action === 'deny') throw new Error('denied');
    expect(gate.content(decision.ticket, ['card'])).toContain('It needs approval, and it is too late to ask');
  });
});

describe('output', () => {
  const masked = allKinds + document('Masking', 'm', '{ output: [terminal, exec], detect: [card] }');
  it.each<[string, SshRequest, readonly string[]]>([
    ['a command', { kind: 'exec', command: 'ls', terminal: false }, ['card']],
    ['a shell', { kind: 'shell', terminal: true }, ['card']],
    ['rsync', { kind: 'exec', command: 'rsync --server --sender -vr . /srv', terminal: false }, []],
    ['git', { kind: 'exec', command: "git-upload-pack '/srv/x.git'", terminal: false }, []],
    ['a subsystem', { kind: 'subsystem', name: 'netconf', terminal: false }, []],
    [
      'rsync in another form',
      { kind: 'exec', command: 'rsync --server --sender -vr . /srv | cat', terminal: false },
      ['card'],
    ],
  ])('of %s', (_name, request, types) => {
    const { now, gate } = createSshTestGate(masked);
    const decision = now(request);
    if (decision.action === 'deny') throw new Error('denied');
    expect([gate.masks(decision.ticket, 'exec'), gate.masks(decision.ticket, 'terminal')]).toEqual([types, types]);
  });
});

describe('looking at files', () => {
  const may = (kinds: string) =>
    document(
      'Access',
      'some',
      `{ who: { principals: ['*'] }, connections: { names: ['*'] }, statements: { kinds: ${kinds} } }`,
    );
  const etc = deny('etc', '{ ssh: { paths: ["/etc/*"] } }');
  const stat = (path: string) => get(path, { operation: 'stat', direction: 'list' });
  it.each<[string, string, SshRequest, string]>([
    ['who may write', may('[sftp, file-write]'), stat('/srv/x'), 'forward'],
    ['who may read', may('[sftp, file-read]'), get('.', { operation: 'realpath', direction: 'list' }), 'forward'],
    ['who may do all', may('[sftp]'), stat('/srv/x'), 'forward'],
    ['who may write, where a rule denies it', may('[sftp, file-write]') + etc, stat('/etc/x'), 'It lists /etc/x.'],
    [
      'who may have a shell alone',
      may('[shell]'),
      stat('/srv/x'),
      'The file operation stat is not allowed here: no access rule that applies now allows the kind file-list.',
    ],
    [
      'names are more than a look',
      may('[sftp, file-write]'),
      get('/srv', { operation: 'list', direction: 'list' }),
      'The file operation list is not allowed here: no access rule that applies now allows the kind file-list.',
    ],
  ])('%s', (_name, policy, request, expected) => {
    expect(said(createSshTestGate(policy).now(request))).toBe(expected);
  });
});
