import { describe, expect, it } from 'vitest';
import type { ApprovalAnswer, SshGateDecision, SshRequest } from '../../src/index.ts';
import { allKinds, approve, createSshTestGate, deny, fileRequest, said, watched } from './ssh-gate-fixture.ts';

const remove: SshRequest = { kind: 'exec', command: 'rm -rf /srv/x', terminal: false };
const shell: SshRequest = { kind: 'shell', terminal: true };
const destructive = allKinds + approve('second-person', '{ ssh: { destructive: true } }');

describe('a request that needs approval', () => {
  it('waits, tells the person, and is released once', async () => {
    const { gate, desk, events, notices } = createSshTestGate(destructive);
    const decision = gate.judge(remove);
    expect(decision).toBeInstanceOf(Promise);
    expect(desk.questions).toMatchObject([
      {
        ...{ mode: 'wait', statement: 'rm -rf /srv/x', kind: 'exec', role: 'deploy', tables: [], subject: null },
        verdict: { rule: 'second-person', approvers: ['leads'], timeoutMs: 1_800_000 },
      },
    ]);
    desk.pending();
    expect(notices).toEqual([
      'weir: this command waits for approval, request req-1\nAnother person decides: https://weir.example.com/requests/req-1 or weir requests approve req-1. Ctrl-C withdraws it.',
    ]);
    desk.answer({ by: 'carol' });
    expect(await decision).toMatchObject({ action: 'forward', ticket: { number: 1 } });
    expect(events).toMatchObject([
      { event: 'note', code: 'approval-asked', statement: 1 },
      {
        ...{ event: 'statement', statement: 1, action: 'require-approval', rule: 'second-person' },
        approval: { requestId: 'req-1', state: 'approved', by: 'carol' },
      },
    ]);
  });

  it.each<[Partial<ApprovalAnswer>, string]>([
    [{ state: 'denied', by: 'carol', reason: 'not today' }, 'approval was denied by carol: not today'],
    [{ state: 'expired' }, 'nobody approved this command in time'],
    [{ state: 'client-gone' }, 'canceling command while it waited for approval'],
    [{ state: 'pending' }, 'this command needs the approval of another person: request req-1'],
  ])('is refused after %j', async (answer, message) => {
    const { gate, desk, events } = createSshTestGate(destructive);
    const decision = gate.judge(remove);
    desk.answer(answer);
    expect(said(await decision)).toBe(message);
    expect(events.at(-1)).toMatchObject({ event: 'statement', statement: 1, action: 'deny' });
  });

  it.each<[string, SshRequest, string, 'wait' | 'retry']>([
    ['auto, without a terminal', remove, '', 'wait'],
    ['auto, with a terminal', { ...remove, terminal: true } as SshRequest, '', 'wait'],
    ['retry', remove, ', mode: retry', 'retry'],
    ['wait', remove, ', mode: wait', 'wait'],
  ])('is asked for in the mode of its rule: %s', (_name, request, more, mode) => {
    const { gate, desk } = createSshTestGate(allKinds + approve('ask', '{ ssh: { destructive: true } }', more));
    void gate.judge(request);
    expect(desk.questions[0]?.mode).toBe(mode);
  });

  it('is refused when the gateway is lost meanwhile', async () => {
    const { gate, desk, events } = createSshTestGate(destructive);
    const decision = gate.judge(remove);
    desk.fail(new Error('gone'));
    expect(said(await decision)).toBe('the command could not be judged: gone');
    expect(events).toMatchObject([{ event: 'statement', action: 'deny' }]);
  });

  it('is withdrawn', async () => {
    const { gate } = createSshTestGate(destructive);
    const decision = gate.judge(remove);
    expect(gate.withdraw('cancelled')).toBe(true);
    expect(said(await decision)).toBe('canceling command while it waited for approval');
    expect(gate.withdraw('cancelled')).toBe(false);
  });
});

describe('an approved request is judged again by the policy of then', () => {
  it.each<[string, string, string]>([
    ['it is the same', destructive, 'forward'],
    ['nothing asks any more', allKinds, 'forward'],
    ['it is denied by now', destructive + deny('freeze', '{}'), 'The command rm matches a rule for everything.'],
    [
      'another rule asks',
      allKinds + approve('other', '{ kinds: [exec] }'),
      'the rules ask for another approval by now: send the command again',
    ],
  ])('%s', async (_name, policy, message) => {
    const { gate, desk, setPolicy } = createSshTestGate(destructive);
    const decision = gate.judge(remove);
    setPolicy(policy);
    desk.answer({});
    expect(said(await decision)).toBe(message);
  });
});

describe('an approval is bound to', () => {
  const bindingOf = (request: SshRequest): string => {
    const { gate, desk } = createSshTestGate(allKinds + approve('ask', '{}'));
    void gate.judge(request);
    return desk.questions[0]?.binding ?? '';
  };
  const put = (more: Parameters<typeof fileRequest>[1]) => fileRequest('/x', { direction: 'upload', ...more });
  it.each<[string, SshRequest, SshRequest]>([
    ['the text', remove, { kind: 'exec', command: 'rm -rf /srv/y', terminal: false }],
    [
      'the whole text',
      { kind: 'exec', command: `${'x'.repeat(70_000)}a`, terminal: false },
      { kind: 'exec', command: `${'x'.repeat(70_000)}b`, terminal: false },
    ],
    ['the terminal', remove, { kind: 'exec', command: 'rm -rf /srv/x', terminal: true }],
    ['the value of a variable', { kind: 'env', variable: 'A', value: '1' }, { kind: 'env', variable: 'A', value: '2' }],
    ['the size of a file', put({ size: 1 }), put({ size: 2 })],
    ['where a file really lies', put({ realPath: '/a' }), put({ realPath: '/b' })],
    [
      'where a forward leads',
      { kind: 'direct-tcpip', destination: { host: 'a', port: 1 } },
      { kind: 'direct-tcpip', destination: { host: 'a', port: 2 } },
    ],
    ['the kind', { kind: 'exec', command: 'shell', terminal: true }, shell],
  ])('%s', (_name, left, right) => {
    expect(bindingOf(left)).toMatch(/^[0-9a-f]{64}$/);
    expect(bindingOf(left)).toBe(bindingOf(left));
    expect(bindingOf(left)).not.toBe(bindingOf(right));
  });
});

describe('what the target opens by a request that was judged', () => {
  const asked = allKinds + approve('ask', '{}');
  it.each<[string, SshRequest]>([
    ['an agent channel', { kind: 'incoming-auth-agent' }],
    ['a display', { kind: 'incoming-x11' }],
    ['a connection', { kind: 'forwarded-tcpip', isListening: false, destination: { host: 'x', port: 1 } }],
  ])('%s is not asked for again, but denied where that is the policy by now', (_name, request) => {
    expect(said(createSshTestGate(asked).now(request))).toBe('forward');
    expect(createSshTestGate(asked + deny('stop', '{}')).now(request).action).toBe('deny');
  });
});

describe('a shell that has to be watched', () => {
  const policy = allKinds + watched('joint');
  it('starts when somebody watches', async () => {
    const { gate, desk, events, notices } = createSshTestGate(policy);
    const decision = gate.judge(shell);
    expect(desk.questions).toMatchObject([
      { watch: true, mode: 'wait', verdict: { rule: 'joint', approvers: ['leads'], people: 1, timeoutMs: 60_000 } },
    ]);
    desk.pending('This shell starts when somebody of leads watches it.');
    expect(notices).toEqual(['weir: This shell starts when somebody of leads watches it.']);
    desk.answer({ by: 'carol' });
    expect(await decision).toMatchObject({ action: 'forward' });
    expect(events).toMatchObject([
      { event: 'note', code: 'watcher-awaited' },
      { event: 'statement', action: 'allow', kind: 'shell' },
    ]);
  });

  it('does not start when nobody comes', async () => {
    const { gate, desk, events } = createSshTestGate(policy);
    const decision = gate.judge(shell);
    desk.answer({ state: 'expired', reason: 'nobody came to watch it in time' });
    expect(said(await decision)).toBe(
      'this shell needs somebody of leads who watches: nobody came to watch it in time',
    );
    expect(events).toMatchObject([{ event: 'statement', action: 'deny' }]);
  });

  it('needs a watcher for each rule', async () => {
    const { gate, desk } = createSshTestGate(policy + watched('second', '{ kinds: [shell] }', '[security]'));
    const decision = gate.judge(shell);
    desk.answer({ by: 'carol' });
    await Promise.resolve();
    expect(desk.questions.map(({ verdict }) => verdict.approvers)).toEqual([['leads'], ['security']]);
    desk.answer({ by: 'dave' });
    expect(said(await decision)).toBe('forward');
  });

  it('is approved first, then watched', async () => {
    const { gate, desk, events } = createSshTestGate(policy + approve('ask', '{ kinds: [shell] }'));
    const decision = gate.judge(shell);
    desk.answer({ by: 'carol' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(desk.questions.map(({ watch }) => watch)).toEqual([undefined, true]);
    desk.answer({ by: 'dave' });
    expect(said(await decision)).toBe('forward');
    expect(events.at(-1)).toMatchObject({ action: 'require-approval', approval: { by: 'carol' } });
  });

  it.each<[string, string, string]>([
    ['denied by now', policy + deny('freeze', '{}'), 'A shell matches a rule for everything.'],
    ['to be approved by now', policy + approve('ask', '{}'), 'the rules ask for more by now: send the shell again'],
    [
      'to be watched by others',
      allKinds + watched('joint', '{ kinds: [shell] }', '[security]'),
      'the rules ask for more by now: send the shell again',
    ],
    ['free by now', allKinds, 'forward'],
  ])('is judged again when somebody came: %s', async (_name, then, message) => {
    const { gate, desk, setPolicy } = createSshTestGate(policy);
    const decision = gate.judge(shell);
    setPolicy(then);
    desk.answer({});
    expect(said(await decision)).toBe(message);
  });
});

describe('typed lines', () => {
  const policy = allKinds + deny('no-rm', '{ kinds: [input], ssh: { programs: [rm] } }');
  const shellOf = (world: ReturnType<typeof createSshTestGate>) => {
    const decision = world.now(shell);
    if (decision.action === 'deny') throw new Error('denied');
    return decision.ticket;
  };
  it.each<[string, string]>([
    ['ls', 'forward'],
    ['rm x', 'It runs rm.'],
    ['sudo rm x', 'It runs rm.'],
    ['eval $X', 'forward'],
    ['if', 'forward'],
    ['', 'forward'],
  ])('%j: %s', async (line, expected) => {
    const world = createSshTestGate(policy);
    const decision = await world.gate.typed(shellOf(world), line);
    expect(said(decision)).toBe(expected);
    expect(world.events.map(({ kind }) => kind)).toEqual(expected === 'forward' ? ['shell'] : ['shell', 'input']);
  });

  it('say that they are judged by advisory rules', async () => {
    const world = createSshTestGate(policy);
    const decision: SshGateDecision = await world.gate.typed(shellOf(world), 'rm x');
    expect(decision.action === 'deny' && decision.text).toContain('Rules about what is typed are advisory');
  });

  it('need no judgement where no rule is about them', () => {
    expect([createSshTestGate(policy), createSshTestGate()].map(({ gate }) => gate.isInputJudged)).toEqual([
      true,
      false,
    ]);
  });
});
