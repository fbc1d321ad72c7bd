import type { ApprovalAsk, ApprovalState } from '@weir/proto';
import { describe, expect, test, vi } from 'vitest';
import type { LiveSession } from '../src/dataplane/ports.ts';
import { createLog } from '../src/log/create-log.ts';
import { createJointSessions } from '../src/watching/joint-sessions.ts';

const bob = { id: 'u2', name: 'bob', kind: 'person', groups: ['security'], personId: null } as const;

function createWorld(change: { peopleBehind?: () => Promise<string[]>; note?: () => number } = {}) {
  const done: string[] = [];
  const joint = createJointSessions({
    dataPlane: {
      pauseSession: (id) => void done.push(`pause ${id}`),
      resumeSession: (id) => void done.push(`resume ${id}`),
    },
    journal: {
      note: (_id, event) => {
        done.push(`note ${'code' in event ? event.code : event.event}`);
        return change.note?.() ?? 1;
      },
    },
    audit: { later: ({ action }) => void done.push(`audit ${action}`) },
    log: createLog(() => undefined),
    now: Date.now,
    peopleBehind: change.peopleBehind ?? (async () => ['u1']),
    endSession: async (id, reason) => void done.push(`end ${id}: ${reason}`),
  });
  const session = {
    id: 'ses_1',
    principal: { id: 'u1', name: 'alice' },
    connection: { name: 'web' },
  } as unknown as LiveSession;
  const states: ApprovalState['state'][] = [];
  const ask = { ask: 1, watch: true, rule: 'r', approvers: ['security'], timeoutMs: 60_000 } as unknown as ApprovalAsk;
  const require = () => joint.require(session, ask, ({ state }) => void states.push(state));
  return { joint, done, states, require };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a session that must be watched', () => {
  test('is held before anybody is told, and also when nothing can be recorded', async () => {
    const world = createWorld({
      note: () => {
        throw new Error('the journal is broken');
      },
    });
    world.require();
    await settled();
    world.joint.came('ses_1', bob);
    await settled();
    expect(world.states).toEqual(['pending', 'approved']);
    world.done.length = 0;
    world.joint.left('ses_1', bob.id);
    expect(world.done).toEqual(['pause ses_1', 'note session-paused', 'audit session-paused']);
    world.joint.ended('ses_1');
  });

  test('is recorded to go on before it does', async () => {
    const world = createWorld();
    world.require();
    world.joint.came('ses_1', bob);
    await settled();
    world.joint.left('ses_1', bob.id);
    world.done.length = 0;
    world.joint.came('ses_1', bob);
    await settled();
    expect(world.done).toEqual(['note session-resumed', 'audit session-resumed', 'resume ses_1']);
  });

  test('does not start when nobody can say whose it is', async () => {
    const world = createWorld({ peopleBehind: () => Promise.reject(new Error('the store is away')) });
    world.joint.came('ses_1', bob);
    world.require();
    await settled();
    expect(world.states).toEqual(['denied']);
  });

  test('does not go on for a watcher who left while he was looked up', async () => {
    const world = createWorld();
    world.require();
    await settled();
    world.joint.came('ses_1', bob);
    world.joint.left('ses_1', bob.id);
    await settled();
    expect(world.states).toEqual(['pending']);
  });

  test('asks nobody any more when its channel has gone first', async () => {
    const world = createWorld();
    world.require()();
    await settled();
    expect(world.states).toEqual([]);
    expect(world.done).toEqual([]);
  });

  test.each([
    ['a service', { kind: 'service' }],
    ['the person himself', { id: 'u1' }],
    ['another account of the person', { personId: 'u1' }],
    ['another group', { groups: ['operators'] }],
  ])('is not watched by %s', async (_, change) => {
    const world = createWorld();
    world.require();
    await settled();
    const other = { ...bob, ...change } as Parameters<typeof world.joint.came>[1];
    world.joint.came('ses_1', other);
    await settled();
    expect(world.joint.isNeeded('ses_1', other)).toBe(false);
    expect(world.states).toEqual(['pending']);
  });

  test('ends when the pause is too long, not when it is over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const world = createWorld();
      world.require();
      world.joint.came('ses_1', bob);
      await settled();
      world.joint.left('ses_1', bob.id);
      vi.advanceTimersByTime(59_000);
      world.joint.came('ses_1', bob);
      await settled();
      vi.advanceTimersByTime(120_000);
      expect(world.done.filter((what) => what.startsWith('end'))).toEqual([]);
      world.joint.left('ses_1', bob.id);
      vi.advanceTimersByTime(60_000);
      expect(world.done.filter((what) => what.startsWith('end'))).toEqual([
        'end ses_1: nobody of security watched it for 60 s',
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});
