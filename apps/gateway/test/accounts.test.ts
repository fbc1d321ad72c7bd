import type { ApiClient, PutUserRequest } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failure, password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

const managers = { groups: ['gateway-managers'] };
let gateway: TestGateway;
let admin: ApiClient;
beforeAll(async () => {
  gateway = await startTestGateway((config) => ({
    ...config,
    identity: { ...config.identity, roles: { admin: managers, auditor: { groups: ['readers'] } } },
  }));
  admin = await gateway.as('admin');
});
afterAll(() => gateway.close());

const signIn = async (user: string) => gateway.withToken(await gateway.signIn(user));
const lastEvent = async (action: string) => (await admin.listAuditEvents({ action, limit: 1000 })).at(-1);

describe('an account', () => {
  test('is added, shown, changed and deleted', async () => {
    await admin.putUser('nina', {
      password,
      groups: ['developers'],
      displayName: 'Nina N.',
      email: 'nina@example.com',
    });
    expect(await admin.showUser('nina')).toMatchObject({
      ...{ name: 'nina', displayName: 'Nina N.', email: 'nina@example.com', source: 'local', hasPassword: true },
      ...{ groups: ['developers'], effectiveGroups: ['developers'], roles: [], disabled: false, lastSignInAt: null },
    });
    const { id } = await admin.showUser('nina');
    await admin.putUser('nina', { displayName: null, groups: ['developers', 'readers', 'readers'] });
    expect(await admin.showUser('nina')).toMatchObject({
      ...{ id, displayName: null, groups: ['developers', 'readers'], roles: [], effectiveRoles: ['auditor'] },
    });
    expect(await lastEvent('user-changed')).toMatchObject({
      ...{ actor: 'admin', subject: 'nina' },
      detail: {
        before: { displayName: 'Nina N.', groups: ['developers'], effectiveRoles: [] },
        after: { displayName: null, groups: ['developers', 'readers'], effectiveRoles: ['auditor'] },
      },
    });
    const nina = await signIn('nina');
    expect((await nina.whoami()).roles).toEqual(['auditor']);
    expect((await admin.showUser('nina')).lastSignInAt).not.toBeNull();
    const session = await nina.openSession({ connection: 'shop' });
    await admin.deleteUser('nina');
    expect((await failure(nina.whoami())).code).toBe('sign_in_required');
    expect(gateway.dataPlane.killed.get(session.id)).toBe('the account is disabled');
    expect((await failure(admin.showUser('nina'))).code).toBe('not_found');
    expect((await failure(gateway.signIn('nina'))).code).toBe('wrong_password');
    expect(await lastEvent('user-deleted')).toMatchObject({ actor: 'admin', subject: 'nina' });
  });

  test('of the same name later is another one', async () => {
    await admin.putUser('nora', { password });
    const { id } = await admin.showUser('nora');
    await admin.deleteUser('nora');
    await admin.putUser('nora', { password });
    expect((await admin.showUser('nora')).id).not.toBe(id);
    await admin.deleteUser('nora');
  });

  test('that is disabled loses its sessions and tokens, and does not get them back', async () => {
    await admin.putUser('nils', { password, groups: ['developers'] });
    const nils = await signIn('nils');
    const session = await nils.openSession({ connection: 'shop' });
    await admin.putUser('nils', { disabled: true, only: 'change' });
    expect(gateway.dataPlane.killed.get(session.id)).toBe('the account is disabled');
    expect((await failure(nils.whoami())).code).toBe('sign_in_required');
    expect((await failure(signIn('nils'))).code).toBe('wrong_password');
    await admin.putUser('nils', { disabled: false, only: 'change' });
    expect((await failure(nils.whoami())).code).toBe('sign_in_required');
    await (await signIn('nils')).whoami();
    await admin.deleteUser('nils');
  });

  test('is added by those who want to add, and changed by those who want to change', async () => {
    expect((await failure(admin.putUser('alice', { password: 'another good one', only: 'add' }))).code).toBe(
      'conflict',
    );
    await signIn('alice');
    const change = { password, only: 'change' } as const;
    expect((await failure(admin.putUser('ghost', change))).code).toBe('not_found');
    expect((await failure(admin.showUser('ghost'))).code).toBe('not_found');
  });

  test('that is not there cannot be shown, deleted or linked', async () => {
    const calls = [
      () => admin.showUser('ghost'),
      () => admin.deleteUser('ghost'),
      () => admin.linkUser('ghost', 'alice'),
    ];
    for (const call of calls) {
      expect((await failure(call())).code).toBe('not_found');
    }
  });
});

describe('roles', () => {
  test('come from the account and from groups, and leave with them at once', async () => {
    await admin.putUser('rosa', { password, roles: ['policy-editor'], groups: ['gateway-managers'] });
    const rosa = await signIn('rosa');
    expect((await rosa.whoami()).roles).toEqual(['admin', 'policy-editor']);
    await rosa.listUsers();
    await admin.putUser('rosa', { groups: [] });
    expect((await rosa.whoami()).roles).toEqual(['policy-editor']);
    expect((await failure(rosa.listUsers())).code).toBe('not_permitted');
    await admin.deleteUser('rosa');
  });

  const bodies: [string, object][] = [
    ['roles', { roles: ['admin'] }],
    ['groups', { groups: ['gateway-managers'] }],
    ['an unknown field', { personId: 'admin' }],
    ['the id', { id: 'x' }],
    ['a prototype', JSON.parse('{"__proto__":{"roles":["admin"]}}')],
  ];
  test.each(bodies)('nobody gives himself %s with his own password', async (_name, more) => {
    const token = await gateway.signIn('alice');
    const url = `${gateway.gateway.addresses.api}/api/v1/account/password`;
    const response = await fetch(url, {
      method: 'PUT',
      headers: { ...(await token.authorize('PUT', url)), 'content-type': 'application/json' },
      body: `{"current":"${password}","password":"${password}",${JSON.stringify(more).slice(1)}`,
    });
    expect(response.status).toBe(400);
    expect(await gateway.withToken(token).whoami()).toMatchObject({ groups: ['developers'], roles: [] });
  });

  const own: [string, PutUserRequest][] = [
    ['takes himself the role admin', { roles: [] }],
    ['gives himself another role', { roles: ['admin', 'auditor'] }],
    ['joins a group that gives a role', { groups: ['admins', 'readers'] }],
    ['disables himself', { disabled: true }],
  ];
  test.each(own)('no admin %s', async (_name, change) => {
    await admin.putUser('second', { password, roles: ['admin'] });
    const before = await admin.showUser('admin');
    expect((await failure(admin.putUser('admin', change))).code).toBe('not_permitted');
    expect(await admin.showUser('admin')).toEqual(before);
    await admin.deleteUser('second');
  });

  test('an admin changes the rest of his own account', async () => {
    await admin.putUser('admin', { displayName: 'The admin', roles: ['admin'] });
    expect((await admin.showUser('admin')).displayName).toBe('The admin');
  });

  test('also not through an account that is linked to his own', async () => {
    await admin.putUser('second', { password, roles: ['admin'] });
    await admin.putUser('admin-2', { password });
    const second = await signIn('second');
    await second.linkUser('admin-2', 'admin');
    expect((await failure(admin.putUser('admin-2', { roles: ['admin'] }))).code).toBe('not_permitted');
    const calls = [
      () => admin.unlinkUser('admin-2'),
      () => admin.linkUser('alice', 'admin'),
      () => admin.deleteUser('admin-2'),
    ];
    for (const call of calls) {
      expect((await failure(call())).code).toBe('not_permitted');
    }
    for (const name of ['admin-2', 'second']) await (name === 'second' ? admin : second).deleteUser(name);
  });
});

describe('the last administrator', () => {
  test('stays, whichever way he would go, and the attempt is in the log', async () => {
    await admin.putUser('second', { password, groups: ['gateway-managers'] });
    const second = await signIn('second');
    await second.putUser('admin', { disabled: true });
    const tries = [
      () => second.deleteUser('second'),
      () => second.putUser('second', { disabled: true }),
      () => second.putUser('second', { groups: [] }),
    ];
    for (const attempt of tries) expect((await failure(attempt())).code).toBe('not_permitted');
    // A directory and the start of the gateway come without a person behind them.
    const { changes } = gateway.gateway.capabilities.identity.accounts;
    const { users } = gateway.gateway.repositories;
    const row = await users.findByName('second');
    if (row === undefined) throw new Error('no account');
    for (const imagine of [() => undefined, () => ({ ...row, groups: [] }), () => ({ ...row, disabled: true })]) {
      const change = {
        by: 'directory',
        action: 'user-deleted',
        subject: 'second',
        detail: {},
        affected: [row],
        imagine,
      };
      const apply = async () => {
        throw new Error('this must not happen');
      };
      expect((await failure(changes.perform(async () => ({ ...change, apply })))).code).toBe('conflict');
    }
    await second.putUser('admin', { disabled: false });
    admin = gateway.withToken(await gateway.signIn('admin'));
    expect(await lastEvent('account-change-refused')).toMatchObject({ actor: 'directory', subject: 'second' });
    await admin.deleteUser('second');
  });

  test('stays when two administrators disable each other at once', async () => {
    await admin.putUser('second', { password, roles: ['admin'] });
    const second = await signIn('second');
    const results = await Promise.allSettled([
      admin.putUser('second', { disabled: true }),
      second.putUser('admin', { disabled: true }),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const { users } = gateway.gateway.repositories;
    const admins = (await users.list()).filter((user) => user.roles.includes('admin') && !user.disabled);
    expect(admins).toHaveLength(1);
    for (const name of ['admin', 'second']) await users.update(name, { disabled: false });
    admin = gateway.withToken(await gateway.signIn('admin'));
    await admin.deleteUser('second');
  });
});

describe('accounts of one person', () => {
  const personOf = async (name: string) => (await gateway.gateway.repositories.users.findByName(name))?.person_id;

  test('are linked as a whole and unlinked one by one', async () => {
    for (const name of ['p-one', 'p-two', 'p-three']) await admin.putUser(name, { password });
    expect((await admin.linkUser('p-one', 'p-two')).linkedTo).toEqual(['p-two']);
    expect((await admin.linkUser('p-three', 'p-one')).linkedTo).toEqual(['p-one', 'p-two']);
    expect(await lastEvent('accounts-linked')).toMatchObject({
      subject: 'p-three',
      detail: { after: ['p-three', 'p-one', 'p-two'] },
    });
    const [one, two, three] = [await personOf('p-one'), await personOf('p-two'), await personOf('p-three')];
    expect([one, three]).toEqual([two, two]);
    // The one whose id was the person's leaves; the others stay one.
    expect((await admin.unlinkUser('p-two')).linkedTo).toEqual([]);
    expect(await personOf('p-one')).toBe(await personOf('p-three'));
    expect(await personOf('p-two')).not.toBe(await personOf('p-one'));
    expect((await admin.listUsers()).find(({ name }) => name === 'p-one')?.linkedTo).toEqual(['p-three']);
    expect((await failure(admin.linkUser('p-one', 'p-one'))).code).toBe('invalid_request');
    for (const name of ['p-one', 'p-two', 'p-three']) await admin.deleteUser(name);
  });
});

describe('passkeys', () => {
  test('cannot be at an address that is a number, and the answer says what to do', async () => {
    const error = await failure((await signIn('alice')).beginStepUp());
    expect([error.code, error.fix]).toMatchObject([
      'feature_not_supported',
      expect.stringContaining('identity.issuer'),
    ]);
  });
});

describe('passwords', () => {
  test.each([
    ['short', 'too short 1'],
    ['of few characters', 'abababababab'],
    ['the name', 'alice-alice-1234'],
    ['common', 'Password1234'],
    ['common with decoration', 'changeme1234!!!'],
  ])('that are %s are refused', async (_name, weak) => {
    const alice = await signIn('alice');
    expect((await failure(alice.changePassword({ current: password, password: weak }))).code).toBe('invalid_request');
    expect((await failure(admin.putUser('alice', { password: weak }))).code).toBe('invalid_request');
    await alice.whoami();
  });

  test('are changed by their owner, who signs in anew', async () => {
    await admin.putUser('peter', { password });
    const peter = await signIn('peter');
    const wrong = await failure(peter.changePassword({ current: 'a guess', password: 'another good one' }));
    expect(wrong.code).toBe('wrong_password');
    expect(await lastEvent('password-change-refused')).toMatchObject({ actor: 'peter' });
    await peter.changePassword({ current: password, password: 'another good one' });
    expect((await failure(peter.whoami())).code).toBe('sign_in_required');
    await gateway.signIn('peter', 'another good one');
    expect(JSON.stringify(await lastEvent('password-changed'))).not.toContain('another good one');
    await admin.deleteUser('peter');
  });

  test('cannot be guessed by changing them', async () => {
    const dave = await signIn('dave');
    const guesses = Array.from({ length: 8 }, () => failure(dave.changePassword({ current: 'x', password: 'y' })));
    const codes = (await Promise.all(guesses)).map((error) => error.code);
    expect(codes.filter((code) => code === 'wrong_password')).toHaveLength(5);
    expect(codes.filter((code) => code === 'too_many_attempts')).toHaveLength(3);
    gateway.advance(61_000);
  });
});

describe('local accounts that are switched off', () => {
  test('do not sign in, except those for emergencies, loudly', async () => {
    const closed = await startTestGateway((config) => ({
      ...config,
      identity: { ...config.identity, local: { enabled: false, emergency: ['admin'] } },
    }));
    try {
      const [off, unknown] = [await failure(closed.signIn('alice')), await failure(closed.signIn('nobody'))];
      expect(off.code).toBe('wrong_password');
      expect([off.message, off.fix]).toEqual([unknown.message, unknown.fix]);
      expect(off.fix).toContain('identity provider');
      const client = closed.withToken(await closed.signIn('admin'));
      const [event] = await client.listAuditEvents({ action: 'emergency-sign-in' });
      expect(event).toMatchObject({ actor: 'admin' });
      expect(closed.logLines.join('')).toContain('an emergency account signs in');
    } finally {
      await closed.close();
    }
  });

  test.each([
    [true, ['alice', 'marked', 'named'], ['marked', 'named']],
    ['emergency', ['marked', 'named'], ['marked', 'named']],
    [false, ['named'], ['named']],
  ] as const)('under `enabled: %s` let %s in, and tell of %s', async (enabled, expected, told) => {
    const closed = await startTestGateway((config) => ({
      ...config,
      identity: { ...config.identity, local: { enabled, emergency: ['named', 'admin'] } },
    }));
    try {
      const client = closed.withToken(await closed.signIn('admin'));
      await client.putUser('named', { password });
      await client.putUser('marked', { password, emergency: true });
      expect(await client.showUser('marked')).toMatchObject({ emergency: true });
      expect((await client.listAuditEvents({ action: 'user-added' })).at(-1)?.detail).toMatchObject({
        after: { emergency: true },
      });
      const signedIn: string[] = [];
      for (const user of ['alice', 'marked', 'named'])
        await closed.signIn(user).then(
          () => signedIn.push(user),
          (error: unknown) => expect(error).toMatchObject({ code: 'wrong_password' }),
        );
      expect(signedIn).toEqual(expected);
      const events = await client.listAuditEvents({ action: 'emergency-sign-in' });
      expect(events.map(({ actor }) => actor).filter((actor) => actor !== 'admin')).toEqual(told);
    } finally {
      await closed.close();
    }
  });
});
