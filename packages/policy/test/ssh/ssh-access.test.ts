import { namedOnlySshKinds, type SshKind, sshKinds } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { dev, documentOf, openAccess } from '../fixture.ts';
import { judgeSsh, type SshSketch, sshEvaluatorOf, sshStatementOf } from './ssh-fixture.ts';

const everyone = "who: { principals: ['*'] }\nconnections: { names: ['*'] }";
const access = (rest: string, name = 'some') => documentOf('Access', name, `${everyone}\n${rest}`);
const files: readonly SshKind[] = ['file-read', 'file-write', 'file-list', 'file-change'];

describe('kinds of SSH that an access rule allows', () => {
  it.each<[string, string, readonly SshKind[]]>([
    ['none are named', openAccess, sshKinds.filter((kind) => !namedOnlySshKinds.includes(kind))],
    ['a shell', access('statements: { kinds: [shell] }'), ['shell', 'input']],
    ['commands', access('statements: { kinds: [exec] }'), ['exec', 'input']],
    ['sftp', access('statements: { kinds: [sftp] }'), ['sftp', ...files]],
    [
      'sftp for reading',
      access('statements: { kinds: [sftp, file-list, file-read] }'),
      ['sftp', 'file-list', 'file-read'],
    ],
    ['git and rsync', access('statements: { kinds: [git, rsync] }'), ['git', 'rsync', ...files]],
    ['a forward', access('statements: { kinds: [direct-tcpip] }'), ['direct-tcpip']],
    ['SQL beside it', access('statements: { kinds: [select, x11] }'), ['x11']],
    ['two rules', access('statements: { kinds: [x11] }') + access('statements: { kinds: [env] }', 'b'), ['x11', 'env']],
  ])('%s', (_name, policy, expected) => {
    const evaluator = sshEvaluatorOf(policy);
    const context = { now: new Date(0), interactive: true };
    const allowed = sshKinds.filter(
      (kind) => evaluator.evaluateSsh(sshStatementOf({ kind }), context).action === 'allow',
    );
    expect([...allowed].sort()).toEqual([...expected].sort());
  });

  it('SQL alone opens no SSH connection', () => {
    const evaluator = sshEvaluatorOf(access('statements: { kinds: [select] }'));
    expect(evaluator.plan.allowed).toBe(false);
    expect(evaluator.evaluateSsh(sshStatementOf({}), { now: new Date(0), interactive: true }).rule).toBe('default');
  });
});

describe('what no guardrail has to say', () => {
  const opaque: SshSketch = { commands: ['sh -c x'], opaque: ['Sh runs what it reads.'] };
  it.each<[string, string, SshSketch, string, string]>([
    [
      'a kind that is missing',
      access('statements: { kinds: [sftp] }'),
      { commands: ['rm x'] },
      'default',
      'The command rm is not allowed here: no access rule that applies now allows the kind exec.',
    ],
    [
      'a kind inside',
      access('statements: { kinds: [rsync, file-read] }'),
      { kind: 'rsync', kinds: ['rsync', 'file-write'] },
      'default',
      'The command rsync is not allowed here: no access rule that applies now allows the kind file-write.',
    ],
    [
      'an opaque command',
      openAccess,
      opaque,
      'opaque-statement',
      'The effect of the command sh cannot be known before it runs: sh runs what it reads.',
    ],
    [
      'an opaque command where another rule allows opaque ones of another kind',
      `${openAccess}${access('statements: { kinds: [sftp] }\nopaque: allow')}`,
      opaque,
      'opaque-statement',
      'The effect of the command sh cannot be known before it runs: sh runs what it reads.',
    ],
    ['opaque: allow', access('opaque: allow'), opaque, 'some', 'Allowed by some.'],
    ['LANG', openAccess, { kind: 'env', variables: ['LANG'] }, 'everyone', 'Allowed by everyone.'],
    ['LC_ALL', openAccess, { kind: 'env', variables: ['LC_ALL'] }, 'everyone', 'Allowed by everyone.'],
    [
      'another variable',
      openAccess,
      { kind: 'env', variables: ['LD_PRELOAD'] },
      'unsafe-variable',
      'The variable LD_PRELOAD may not be set on this connection.',
    ],
    [
      'one of the usual variables, once others are named',
      access('ssh: { env: [TZ] }'),
      { kind: 'env', variables: ['LANG'] },
      'unsafe-variable',
      'The variable LANG may not be set on this connection.',
    ],
    [
      'a named variable',
      access('ssh: { env: ["GIT_*"] }'),
      { kind: 'env', variables: ['GIT_X'] },
      'some',
      'Allowed by some.',
    ],
    [
      'a condition on SSH',
      access('when: ssh.login == "deploy" && "ls" in ssh.programs'),
      { commands: ['ls'] },
      'some',
      'Allowed by some.',
    ],
    [
      'a condition on tables',
      access('when: statement.tables.all(table, table == "public.ok")'),
      { commands: ['ls'] },
      'default',
      'The command ls is not allowed here: no access rule that applies now allows the kind exec.',
    ],
    [
      'a condition on what an opaque command does',
      access('opaque: allow\nwhen: "!(\'rm\' in ssh.programs)"'),
      opaque,
      'default',
      'The command sh is not allowed here: no access rule that applies now allows the kind exec.',
    ],
    [
      'a condition on what is certain of an opaque command',
      access('opaque: allow\nwhen: ssh.login == "deploy"'),
      opaque,
      'some',
      'Allowed by some.',
    ],
    ['a line that is opaque', openAccess, { ...opaque, kind: 'input' }, 'everyone', 'Allowed by everyone.'],
    [
      'a destination that a condition names',
      access('statements: { kinds: [direct-tcpip] }\nwhen: ssh.host == "db.internal" && ssh.port == 5432'),
      { kind: 'direct-tcpip', destination: 'DB.internal.:5432' },
      'some',
      'Allowed by some.',
    ],
    [
      'another destination',
      access('statements: { kinds: [direct-tcpip] }\nwhen: ssh.destination == "db.internal:5432"'),
      { kind: 'direct-tcpip', destination: 'db.internal:22' },
      'default',
      'Direct-tcpip is not allowed here: no access rule that applies now allows the kind direct-tcpip.',
    ],
  ])('%s', (_name, policy, sketch, rule, reason) => {
    const verdict = judgeSsh(policy, sketch);
    expect([verdict.rule, verdict.reason]).toEqual([rule, reason]);
  });

  it('who acts for a person may do what both may do', () => {
    const policy =
      documentOf('Access', 'bots', "who: { groups: [bots] }\nconnections: { names: ['*'] }\nssh: { env: [A, B] }") +
      documentOf(
        'Access',
        'people',
        "who: { groups: [developers] }\nconnections: { names: ['*'] }\nssh: { env: [B, C] }",
      );
    const bot = { id: 'b', name: 'bot', kind: 'service' as const, groups: ['bots'], actingFor: dev };
    const evaluator = sshEvaluatorOf(policy, bot);
    const allowed = ['A', 'B', 'C'].filter((name) => {
      const statement = sshStatementOf({ kind: 'env', variables: [name] });
      return evaluator.evaluateSsh(statement, { now: new Date(0), interactive: true }).action === 'allow';
    });
    expect(allowed).toEqual(['B']);
  });
});
