import type { Verdict } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { documentOf, openAccess } from '../fixture.ts';
import { allKindsAccess, judgeSsh, type SshSketch, sshEvaluatorOf } from './ssh-fixture.ts';

const rule = (name: string, spec: string) => documentOf('Guardrail', name, spec);
const asks = (name: string, match: string, groups = '[leads]', more = '') =>
  rule(name, `match: ${match}\naction: require-approval\napproval: { approvers: { groups: ${groups} }${more} }`);
const denies = (name: string, match: string, more = '') => rule(name, `match: ${match}\naction: deny${more}`);
const watched = (name: string, more = '', groups = '[leads]') =>
  rule(
    name,
    `${more === '' ? 'match: {}' : more}\naction: require-watcher\nwatcher: { groups: ${groups}, timeout: 1m }`,
  );

const remove: SshSketch = { commands: ['rm -rf /srv'], destructive: ['It removes everything.'] };
const opaque: SshSketch = { commands: ['sh'], opaque: ['Sh runs what it reads.'] };

describe('deny beats approval, approval beats allow', () => {
  it.each<[string, string, SshSketch, Verdict['action'], string, string]>([
    [
      'a destructive command is asked for',
      allKindsAccess + asks('ask', '{ ssh: { destructive: true } }'),
      remove,
      ...(['require-approval', 'ask', 'It removes everything.'] as const),
    ],
    [
      'a denial comes first',
      allKindsAccess + asks('a', '{ ssh: { destructive: true } }') + denies('b', '{ ssh: { programs: [rm] } }'),
      remove,
      ...(['deny', 'b', 'It runs rm.'] as const),
    ],
    [
      'what is built in comes before guardrails',
      openAccess + asks('ask', '{ ssh: { opaque: true } }'),
      opaque,
      ...([
        'deny',
        'opaque-statement',
        'The effect of the command sh cannot be known before it runs: sh runs what it reads.',
      ] as const),
    ],
    [
      'opaque commands are asked for where access allows them',
      allKindsAccess + asks('ask', '{ ssh: { opaque: true } }'),
      opaque,
      ...([
        'require-approval',
        'ask',
        'The effect of the command sh cannot be known before it runs: sh runs what it reads.',
      ] as const),
    ],
    [
      'an opaque command may do what a rule denies',
      allKindsAccess + denies('no-rm', '{ ssh: { programs: [rm] } }'),
      opaque,
      ...(['deny', 'no-rm', 'The command sh may do what this rule is about, because sh runs what it reads.'] as const),
    ],
    [
      'a certain rule is named before a doubtful one',
      allKindsAccess + denies('a', '{ ssh: { programs: [rm] } }') + denies('b', '{ ssh: { opaque: true } }'),
      opaque,
      ...([
        'deny',
        'b',
        'The effect of the command sh cannot be known before it runs: sh runs what it reads.',
      ] as const),
    ],
    [
      'groups that cannot decide together',
      allKindsAccess +
        asks('a', '{ ssh: { programs: [rm] } }') +
        asks('b', '{ ssh: { destructive: true } }', '[security]'),
      remove,
      ...([
        'deny',
        'no-common-approver',
        'The rules a, b need approval by different groups, and no group may decide for all of them.',
      ] as const),
    ],
    [
      'a rule that is observed',
      allKindsAccess + denies('a', '{ ssh: { programs: [rm] } }', '\nmode: observe'),
      remove,
      ...(['allow', 'everyone', 'Allowed by everyone.'] as const),
    ],
    [
      'the reason and the hint of the author',
      allKindsAccess + denies('a', '{ ssh: { programs: [rm] } }', '\nreason: files stay\nhint: Use the bin.'),
      remove,
      ...(['deny', 'a', 'It runs rm: files stay.'] as const),
    ],
    [
      'a condition that cannot be decided',
      allKindsAccess + denies('a', '{}', '\nwhen: connection.labels.tier == "1"'),
      { commands: ['ls'] },
      ...([
        'deny',
        'a',
        'The command ls matches a rule for everything (its condition could not be decided: No such key: tier).',
      ] as const),
    ],
    [
      'a condition on what an opaque command does',
      allKindsAccess + denies('a', '{}', '\nwhen: "\'rm\' in ssh.programs"'),
      opaque,
      ...([
        'deny',
        'a',
        'The command sh matches a rule for everything (its condition could not be decided: No such key: programs).',
      ] as const),
    ],
    [
      'a condition that does not hold',
      allKindsAccess + denies('a', '{}', '\nwhen: "\'rm\' in ssh.programs"'),
      { commands: ['ls'] },
      ...(['allow', 'everyone', 'Allowed by everyone.'] as const),
    ],
    [
      'a condition on tables, which are not there',
      allKindsAccess + denies('a', '{}', '\nwhen: size(statement.writes) > 0'),
      remove,
      ...(['allow', 'everyone', 'Allowed by everyone.'] as const),
    ],
    [
      'outside its window',
      allKindsAccess + denies('a', '{}', '\nwindow: { from: "20:00", to: "21:00", timeZone: UTC }'),
      remove,
      ...(['allow', 'everyone', 'Allowed by everyone.'] as const),
    ],
    [
      'inside its window',
      allKindsAccess + denies('a', '{}', '\nwindow: { from: "09:00", to: "21:00", timeZone: UTC }'),
      remove,
      ...(['deny', 'a', 'The command rm matches a rule for everything.'] as const),
    ],
    [
      'a rule about SQL',
      allKindsAccess + denies('a', '{ tables: ["*.*"] }') + denies('b', '{ kinds: [delete] }'),
      remove,
      ...(['allow', 'everyone', 'Allowed by everyone.'] as const),
    ],
  ])('%s', (_name, policy, sketch, action, named, reason) => {
    const verdict = judgeSsh(policy, sketch);
    expect([verdict.action, verdict.rule, verdict.reason]).toEqual([action, named, reason]);
  });

  it('says that rules about typed lines are advisory', () => {
    const policy = allKindsAccess + denies('a', '{ kinds: [input], ssh: { programs: [rm] } }');
    const verdict = judgeSsh(policy, { kind: 'input', commands: ['rm x'] });
    expect(verdict).toMatchObject({
      action: 'deny',
      reason: 'It runs rm.',
      hint: 'Do it in another way, or ask an administrator of the policy. Rules about what is typed are advisory: they see the line, not what the shell makes of it.',
    });
  });

  it('has a step of the trace for every rule', () => {
    const policy = allKindsAccess + denies('a', '{ ssh: { programs: [rm] } }') + watched('b') + asks('c', '{}');
    const { trace } = judgeSsh(policy, remove);
    expect(trace.map(({ rule: name, matched }) => [name, matched])).toEqual([
      ...[
        ['everyone', true],
        ['default', false],
        ['opaque-statement', false],
        ['unsafe-variable', false],
      ],
      ...[
        ['a', true],
        ['b', false],
        ['c', true],
      ],
    ]);
  });
});

describe('what binds something that is allowed', () => {
  const bounds = (policy: string, sketch: SshSketch) => {
    const verdict = judgeSsh(allKindsAccess + policy, sketch);
    return verdict.action === 'deny' ? verdict.reason : (verdict.ssh ?? null);
  };
  const leads = (name: string) => ({ rule: name, groups: ['leads'], timeoutMs: 60_000 });
  const small = '{ ssh: { directions: [upload], sizeOver: 1000 } }';

  it.each<[string, string, SshSketch, unknown]>([
    ['a shell is watched', watched('w'), { kind: 'shell' }, { watchers: [leads('w')], fileSize: null, content: [] }],
    [
      'a command with a terminal is watched',
      watched('w'),
      { terminal: true },
      { watchers: [leads('w')], fileSize: null, content: [] },
    ],
    ['a command without one is not', watched('w'), { commands: ['ls'] }, null],
    [
      'a command that may be a shell is',
      watched('w'),
      { commands: ['bash'], opaque: ['Bash runs what it reads.'] },
      { watchers: [leads('w')], fileSize: null, content: [] },
    ],
    ['sftp is not', watched('w'), { kind: 'sftp' }, null],
    [
      'commands are, where the rule names them',
      watched('w', 'match: { kinds: [exec] }'),
      { commands: ['ls'] },
      { watchers: [leads('w')], fileSize: null, content: [] },
    ],
    [
      'each rule has watchers of its own',
      watched('v') + watched('w', 'match: { ssh: { logins: [deploy] } }'),
      { kind: 'shell' },
      { watchers: [leads('v'), leads('w')], fileSize: null, content: [] },
    ],
    [
      'a login that the rule does not name',
      watched('w', 'match: { ssh: { logins: [root] } }'),
      { kind: 'shell' },
      null,
    ],
    [
      'a condition that cannot be decided',
      watched('w', 'when: connection.labels.tier == "1"'),
      { kind: 'shell' },
      { watchers: [leads('w')], fileSize: null, content: [] },
    ],
    [
      'approval and watcher',
      watched('w') + asks('a', '{ kinds: [shell] }'),
      { kind: 'shell' },
      { watchers: [leads('w')], fileSize: null, content: [] },
    ],
    [
      'a size that is not known yet',
      denies('s', small),
      { kind: 'file-write', files: ['upload /x'] },
      { watchers: [], fileSize: { over: 1000, rule: 's' }, content: [] },
    ],
    [
      'the smallest of two',
      denies('s', small) + denies('t', '{ ssh: { sizeOver: 10 } }'),
      { kind: 'file-write', files: ['upload /x'] },
      { watchers: [], fileSize: { over: 10, rule: 't' }, content: [] },
    ],
    ['a size that is known', denies('s', small), { kind: 'file-write', files: ['upload /x 5'] }, null],
    ['another direction', denies('s', small), { kind: 'file-read', files: ['download /x'] }, null],
    [
      'content that is not known yet',
      denies('c', '{ ssh: { paths: ["/srv/*"], content: [card, iban] } }'),
      { kind: 'file-read', files: ['download /srv/x'] },
      { watchers: [], fileSize: null, content: ['card', 'iban'] },
    ],
    [
      'content in another place',
      denies('c', '{ ssh: { paths: ["/srv/*"], content: [card, iban] } }'),
      { kind: 'file-read', files: ['download /tmp/x'] },
      null,
    ],
    [
      'a rule that is observed binds nothing',
      denies('s', small, '\nmode: observe'),
      { kind: 'file-write', files: ['upload /x'] },
      null,
    ],
  ])('%s', (_name, policy, sketch, expected) => {
    expect(bounds(policy, sketch)).toEqual(expected);
  });
});

describe('streams', () => {
  const masks = documentOf('Masking', 'm', 'output: [terminal]\ndetect: [card, email]');
  const more = documentOf('Masking', 'n', 'output: [terminal, exec]\ndetect: [iban]');
  const columns = documentOf('Masking', 'o', "columns: ['*.*.*']\ndetect: [name]");

  it('are masked by what their rules detect', () => {
    const { ssh } = sshEvaluatorOf(openAccess + masks + more + columns);
    expect([ssh.masksOf('terminal'), ssh.masksOf('exec')]).toEqual([['email', 'card', 'iban'], ['iban']]);
  });

  it('are clear for those who are exempt', () => {
    const exempt = documentOf('Masking', 'm', 'output: [terminal]\ndetect: [card]\nexempt: { groups: [developers] }');
    expect(sshEvaluatorOf(openAccess + exempt).ssh.masksOf('terminal')).toEqual([]);
  });

  it.each<[string, string, boolean, boolean]>([
    ['nothing is said', openAccess, false, false],
    ['input is recorded', `${openAccess}  ssh: { recordInput: true }\n`, true, false],
    ['lines are judged', openAccess + denies('a', '{ kinds: [input], ssh: { programs: [rm] } }'), false, true],
    ['lines are judged by nobody', openAccess + denies('a', '{ ssh: { programs: [rm] } }'), false, false],
  ])('input: %s', (_name, policy, isRecorded, isJudged) => {
    const { ssh } = sshEvaluatorOf(policy);
    expect([ssh.isInputRecorded, ssh.isInputJudged]).toEqual([isRecorded, isJudged]);
  });
});
