import { expect, test } from 'vitest';
import { createLiveSessions, type SessionEntry } from '../src/sessions/live-session.ts';
import { refreshSessions } from '../src/sessions/refresh-sessions.ts';

const entryOf = (id: string, name: string) =>
  ({
    live: { id, principal: { id: name, name }, connection: { name: 'orders' } },
    login: id,
    opening: {},
    refreshing: Promise.resolve(),
  }) as unknown as SessionEntry;

test('a session whose account cannot be read is ended, and no other is spared', async () => {
  const live = createLiveSessions();
  for (const name of ['alice', 'bob']) live.add(entryOf(`ses_${name}`, name));
  const ended: string[] = [];
  const parts = {
    live,
    accountOf: (name: string) => (name === 'alice' ? Promise.reject(new Error('the store is gone')) : undefined),
    connections: { find: () => Promise.reject(new Error('the store is gone')) },
    log: { error: () => undefined },
    ender: { end: (id: string, reason: string) => Promise.resolve(ended.push(`${id}: ${reason}`) > 0) },
  };
  await refreshSessions(parts as never, () => true, 'the policy changed');
  expect(ended.sort()).toEqual([
    'ses_alice: the policy changed, and what it stands on could not be read',
    'ses_bob: the account is disabled',
  ]);
});
