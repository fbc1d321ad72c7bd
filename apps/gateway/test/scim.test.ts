import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiClient } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createScimClient } from './fixture/scim-client.ts';
import { failure, password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
const groupUrn = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const enterpriseUrn = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const token = 'first-token-of-the-directory-0123456789';
const second = 'second-token-of-the-directory-123456789';
const folder = mkdtempSync(join(tmpdir(), 'weir-scim-'));
const tokenFile = join(folder, 'token');

let gateway: TestGateway;
let admin: ApiClient;
beforeAll(async () => {
  writeFileSync(tokenFile, `${token}\n`);
  process.env['WEIR_TEST_SCIM_TOKEN'] = second;
  gateway = await startTestGateway((config) => ({
    ...config,
    identity: {
      ...config.identity,
      roles: { auditor: { groups: ['readers'] } },
      scim: {
        tokens: [
          { from: 'file', path: tokenFile },
          { from: 'env', name: 'WEIR_TEST_SCIM_TOKEN' },
        ],
        groups: { map: { 'All Readers': 'readers' } },
      },
    },
  }));
  admin = await gateway.as('admin');
});
afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

/** Calls the service as a directory does. */
const scim = createScimClient(() => gateway.gateway.addresses.api, token);
const patch = (path: string, ...Operations: object[]) => scim('PATCH', path, { schemas: [patchUrn], Operations });
let count = 0;
async function newUser(more: object = {}): Promise<{ id: string; userName: string; name: string }> {
  const userName = `person${++count}@example.com`;
  const { status, body } = await scim('POST', '/Users', { schemas: [userUrn], userName, ...more });
  expect([status, body]).toMatchObject([201, { userName }]);
  const row = await gateway.gateway.repositories.users.findById(body.id);
  return { id: body.id, userName, name: row?.name ?? '' };
}
const newGroup = async (displayName: string, members: string[] = []): Promise<string> => {
  const body = { schemas: [groupUrn], displayName, members: members.map((value) => ({ value })) };
  const answer = await scim('POST', '/Groups', body);
  expect([answer.status, answer.body]).toMatchObject([201, { displayName }]);
  return answer.body.id;
};
const rowOf = (id: string) => gateway.gateway.repositories.users.findById(id);
const lastEvent = async (action: string) => (await admin.listAuditEvents({ action, limit: 1000 })).at(-1);
/** A person of the directory with a password, so that he can sign in without a provider. */
async function signedIn(user: { name: string }): Promise<ApiClient> {
  await admin.putUser(user.name, { password });
  return gateway.as(user.name);
}

describe('the sequence that Okta documents', () => {
  test('creates, looks up, replaces, deactivates and activates again', async () => {
    const none = await scim(
      'GET',
      `/Users?filter=${encodeURIComponent('userName eq "test.user@okta.local"')}&startIndex=1&count=100`,
    );
    expect(none.body).toMatchObject({ totalResults: 0, startIndex: 1, itemsPerPage: 0, Resources: [] });
    const created = await scim('POST', '/Users', {
      schemas: [userUrn],
      userName: 'test.user@okta.local',
      name: { givenName: 'Test', familyName: 'User' },
      emails: [{ primary: true, value: 'test.user@okta.local', type: 'work' }],
      displayName: 'Test User',
      locale: 'en-US',
      externalId: '00ujl29u0le5T6Aj10h7',
      groups: [],
      password: '1mz050nq',
      active: true,
    });
    expect(created.status).toBe(201);
    const { id, meta } = created.body;
    expect(created.body).toMatchObject({
      schemas: [userUrn],
      userName: 'test.user@okta.local',
      externalId: '00ujl29u0le5T6Aj10h7',
      active: true,
      meta: { resourceType: 'User', location: `${gateway.gateway.addresses.api}/scim/v2/Users/${id}` },
    });
    expect(created.headers.get('location')).toBe(meta.location);
    expect(created.headers.get('etag')).toBe(meta.version);
    expect(created.headers.get('content-type')).toBe('application/scim+json; charset=utf-8');
    expect(created.body).not.toHaveProperty('password');
    expect(await rowOf(id)).toMatchObject({
      ...{
        name: 'test.user',
        source: 'scim',
        password_hash: null,
        email: 'test.user@okta.local',
        email_verified: true,
      },
      ...{ display_name: 'Test User', disabled: false },
    });
    expect(await lastEvent('user-added')).toMatchObject({
      ...{ actor: 'scim:token-1', subject: 'test.user' },
      detail: { before: null, after: { userName: 'test.user@okta.local' } },
    });

    const replaced = await scim('PUT', `/Users/${id}`, {
      schemas: [userUrn],
      id,
      userName: 'test.user@okta.local',
      name: { givenName: 'Another', middleName: '', familyName: 'User' },
      emails: [{ primary: true, value: 'test.user@okta.local', type: 'work', display: 'test.user@okta.local' }],
      active: true,
      groups: [],
      meta: { resourceType: 'User' },
    });
    expect(replaced.body).toMatchObject({ id, name: { givenName: 'Another', familyName: 'User' } });
    expect(replaced.body).not.toHaveProperty('displayName');
    expect(replaced.body.meta.version).not.toBe(meta.version);

    const off = await patch(`/Users/${id}`, { op: 'replace', value: { active: false } });
    expect(off.body).toMatchObject({ id, active: false });
    expect(await rowOf(id)).toMatchObject({ disabled: true });
    expect(await lastEvent('user-changed')).toMatchObject({
      detail: { before: { active: true, disabled: false }, after: { active: false, disabled: true } },
    });
    expect((await patch(`/Users/${id}`, { op: 'replace', value: { active: true } })).body).toMatchObject({
      active: true,
    });
    expect(await rowOf(id)).toMatchObject({ disabled: false });
    expect((await scim('DELETE', `/Users/${id}`)).status).toBe(204);
    expect((await scim('GET', `/Users/${id}`)).status).toBe(404);
  });

  test('pushes a group, renames it, and adds and removes members', async () => {
    const [one, two] = [await newUser(), await newUser()];
    const created = await scim('POST', '/Groups', { schemas: [groupUrn], displayName: 'okta-pushed', members: [] });
    const id = created.body.id;
    await patch(`/Groups/${id}`, { op: 'replace', value: { id, displayName: 'okta-renamed' } });
    await patch(
      `/Groups/${id}`,
      { op: 'remove', path: `members[value eq "${one.id}"]` },
      { op: 'add', path: 'members', value: [{ value: two.id, display: two.userName }] },
    );
    expect((await rowOf(two.id))?.groups).toEqual(['okta-renamed']);
    await patch(`/Groups/${id}`, { op: 'replace', path: 'members', value: [{ value: one.id, display: one.userName }] });
    expect([(await rowOf(one.id))?.groups, (await rowOf(two.id))?.groups]).toEqual([['okta-renamed'], []]);
    const body = (await scim('GET', `/Groups/${id}`)).body;
    expect(body['members']).toEqual([expect.objectContaining({ value: one.id, display: one.userName, type: 'User' })]);
    expect((await scim('GET', `/Users/${one.id}`)).body['groups']).toMatchObject([
      { value: id, display: 'okta-renamed' },
    ]);
    expect(await lastEvent('group-changed')).toMatchObject({ detail: { added: [one.name], removed: [two.name] } });
    expect((await scim('DELETE', `/Groups/${id}`)).status).toBe(204);
    expect((await rowOf(one.id))?.groups).toEqual([]);
    expect(await lastEvent('group-deleted')).toMatchObject({ detail: { before: { members: [one.name] } } });
  });
});

describe('the sequence that Entra documents', () => {
  test('creates, changes single attributes by path, and deactivates with texts for truth values', async () => {
    const created = await scim('POST', '/Users', {
      schemas: [userUrn, enterpriseUrn],
      externalId: '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef',
      userName: 'Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1',
      active: true,
      emails: [{ primary: true, type: 'work', value: 'Test_User_fd0ea19b-0777-472c-9f96-4f70d2226f2e@testuser.com' }],
      meta: { resourceType: 'User' },
      name: { formatted: 'givenName familyName', familyName: 'familyName', givenName: 'givenName' },
      roles: [],
      phoneNumbers: [{ type: 'work', value: '555' }],
      [enterpriseUrn]: { department: 'Sales', manager: { value: 'x' } },
    });
    const id = created.body.id;
    expect(created.body).toMatchObject({ schemas: [userUrn, enterpriseUrn], [enterpriseUrn]: { department: 'Sales' } });
    const filter = encodeURIComponent('userName eq "test_user_AB6490EE-1e48-479e-a20b-2d77186b5dd1"');
    expect((await scim('GET', `/Users?filter=${filter}`)).body).toMatchObject({ totalResults: 1, Resources: [{ id }] });
    const changed = await patch(
      `/Users/${id}`,
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'updatedEmail@microsoft.com' },
      { op: 'Replace', path: 'name.familyName', value: 'updatedFamilyName' },
      { op: 'Add', path: 'emails[type eq "home"].value', value: 'home@example.com' },
      { op: 'Add', path: `${enterpriseUrn}:department`, value: 'Research' },
      { op: 'Add', path: `${enterpriseUrn}:manager`, value: [{ $ref: '../Users/x', value: 'x' }] },
      { op: 'Replace', path: 'phoneNumbers[type eq "work"].value', value: '556' },
      { op: 'Add', value: { displayName: 'Updated', 'name.givenName': 'Given' } },
    );
    expect(changed.body).toMatchObject({
      emails: [
        { type: 'work', value: 'updatedEmail@microsoft.com', primary: true },
        { type: 'home', value: 'home@example.com' },
      ],
      name: { familyName: 'updatedFamilyName', givenName: 'Given' },
      displayName: 'Updated',
      [enterpriseUrn]: { department: 'Research' },
    });
    expect(await rowOf(id)).toMatchObject({ email: 'updatedEmail@microsoft.com', display_name: 'Updated' });
    const off = await patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'False' });
    expect(off.body).toMatchObject({ active: false });
    expect(await rowOf(id)).toMatchObject({ disabled: true });
    await scim('DELETE', `/Users/${id}`);
  });

  test('looks a group up without its members, and names members that go by value', async () => {
    const [one, two] = [await newUser(), await newUser()];
    const id = await newGroup('entra-group');
    const add = {
      op: 'Add',
      path: 'members',
      value: [
        { $ref: null, value: one.id },
        { $ref: null, value: two.id },
      ],
    };
    await patch(`/Groups/${id}`, add);
    const filter = encodeURIComponent('displayName eq "Entra-Group"');
    const found = await scim('GET', `/Groups?excludedAttributes=members&filter=${filter}`);
    expect(found.body).toMatchObject({ totalResults: 1, Resources: [{ id, displayName: 'entra-group' }] });
    expect(found.body.Resources[0]).not.toHaveProperty('members');
    const isMember = encodeURIComponent(`id eq "${id}" and members eq "${one.id}"`);
    expect((await scim('GET', `/Groups?filter=${isMember}`)).body.totalResults).toBe(1);
    const remove = { op: 'Remove', path: 'members', value: [{ $ref: null, value: one.id }] };
    expect((await patch(`/Groups/${id}`, remove)).body['members']).toMatchObject([{ value: two.id }]);
    await patch(`/Groups/${id}`, { op: 'Replace', path: 'displayName', value: 'entra-renamed' });
    expect((await rowOf(two.id))?.groups).toEqual(['entra-renamed']);
    await scim('DELETE', `/Groups/${id}`);
  });
});

describe('live sessions', () => {
  test.each([
    ['active: false (Okta)', (id: string) => patch(`/Users/${id}`, { op: 'replace', value: { active: false } })],
    [
      'active: "False" (Entra)',
      (id: string) => patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'False' }),
    ],
    ['ACTIVE in another case', (id: string) => patch(`/Users/${id}`, { op: 'replace', path: 'Active', value: false })],
    [
      'active: false in a whole user',
      (id: string) => scim('PUT', `/Users/${id}`, { schemas: [userUrn], userName: `put-${id}`, active: false }),
    ],
    ['deletion', (id: string) => scim('DELETE', `/Users/${id}`)],
  ])('and sign-ins end before the answer by %s', async (_name, end) => {
    const user = await newUser();
    const group = await newGroup('developers', [user.id]);
    const client = await signedIn(user);
    const session = await client.openSession({ connection: 'shop' });
    expect((await end(user.id)).status).toBeLessThan(300);
    expect(gateway.dataPlane.killed.get(session.id)).toBe('the account is disabled');
    expect((await failure(client.whoami())).code).toBe('sign_in_required');
    await scim('DELETE', `/Groups/${group}`);
  });

  test.each([
    [
      'removal of the member',
      (group: string, id: string) => patch(`/Groups/${group}`, { op: 'remove', path: `members[value eq "${id}"]` }),
    ],
    ['removal of all members', (group: string) => patch(`/Groups/${group}`, { op: 'remove', path: 'members' })],
    [
      'another list of members',
      (group: string) => patch(`/Groups/${group}`, { op: 'replace', value: { members: [] } }),
    ],
    [
      'another name of the group',
      (group: string) => patch(`/Groups/${group}`, { op: 'replace', path: 'displayName', value: 'others' }),
    ],
    ['deletion of the group', (group: string) => scim('DELETE', `/Groups/${group}`)],
  ])('end before the answer by %s', async (_name, end) => {
    const user = await newUser();
    const group = await newGroup('developers', [user.id]);
    const client = await signedIn(user);
    const session = await client.openSession({ connection: 'shop' });
    expect((await end(group, user.id)).status).toBeLessThan(300);
    expect(gateway.dataPlane.killed.has(session.id)).toBe(true);
    // The sign-in stays: it gives nothing by itself.
    expect((await client.whoami()).groups).not.toContain('developers');
    await scim('DELETE', `/Groups/${group}`);
  });
});

describe('what is here already', () => {
  test('is never seen, taken over or changed by the directory', async () => {
    const alice = await gateway.gateway.repositories.users.findByName('alice');
    const find = encodeURIComponent('userName eq "alice"');
    expect((await scim('GET', `/Users?filter=${find}`)).body.totalResults).toBe(0);
    const byId = encodeURIComponent(`id eq "${alice?.id}"`);
    expect((await scim('GET', `/Users?filter=${byId}`)).body.totalResults).toBe(0);
    const created = await scim('POST', '/Users', { schemas: [userUrn], userName: 'alice' });
    expect(await rowOf(created.body.id)).toMatchObject({
      name: 'alice-2',
      groups: [],
      roles: [],
      password_hash: null,
    });
    for (const [method, body] of [
      ['GET', undefined],
      ['PUT', { schemas: [userUrn], userName: 'alice' }],
      ['PATCH', { schemas: [patchUrn], Operations: [{ op: 'replace', value: { active: false } }] }],
      ['DELETE', undefined],
    ] as const)
      expect((await scim(method, `/Users/${alice?.id}`, body)).status).toBe(404);
    const members = { schemas: [groupUrn], displayName: 'grabbed', members: [{ value: alice?.id }] };
    expect((await scim('POST', '/Groups', members)).body).toMatchObject({ status: '400', scimType: 'invalidValue' });
    expect(await rowOf(alice?.id ?? '')).toEqual(alice);
    await scim('DELETE', `/Users/${created.body.id}`);
  });

  test('an account that an administrator disabled stays so when the directory repeats itself', async () => {
    const user = await newUser();
    await admin.putUser(user.name, { disabled: true });
    const put = await scim('PUT', `/Users/${user.id}`, {
      schemas: [userUrn],
      userName: user.userName,
      title: 'x',
      active: true,
    });
    expect(put.status).toBe(200);
    expect(await rowOf(user.id)).toMatchObject({ disabled: true });
    for (const active of [false, true]) {
      const { body } = await patch(`/Users/${user.id}`, { op: 'replace', value: { active, title: `is ${active}` } });
      expect(body).toMatchObject({ active });
      expect(body).not.toHaveProperty('disabledHere');
      expect(await rowOf(user.id)).toMatchObject({ disabled: true });
    }
    await admin.putUser(user.name, { disabled: false });
    for (const active of [false, true, false]) {
      await patch(`/Users/${user.id}`, { op: 'replace', value: { active } });
      expect(await rowOf(user.id)).toMatchObject({ disabled: !active });
    }
    const refused = await failure(admin.putUser(user.name, { disabled: false }));
    expect([refused.code, refused.why]).toEqual(['conflict', 'The directory says that this account is not active.']);
    await scim('DELETE', `/Users/${user.id}`);
  });

  test('the last administrator stays', async () => {
    const { users } = gateway.gateway.repositories;
    const user = await newUser();
    await users.update(user.name, { roles: ['admin'] });
    await users.update('admin', { disabled: true });
    try {
      const answer = await patch(`/Users/${user.id}`, { op: 'replace', value: { active: false } });
      expect(answer.body).toMatchObject({ status: '409', detail: expect.stringContaining('last administrator') });
      expect((await scim('DELETE', `/Users/${user.id}`)).status).toBe(409);
      expect(await rowOf(user.id)).toMatchObject({ disabled: false });
    } finally {
      await users.update('admin', { disabled: false });
    }
    await scim('DELETE', `/Users/${user.id}`);
  });

  test('groups give roles by the configuration alone', async () => {
    const user = await newUser({ roles: [{ value: 'admin' }], groups: [{ value: 'admins' }] });
    const group = await newGroup('All Readers', [user.id]);
    const client = await signedIn(user);
    expect(await client.whoami()).toMatchObject({ groups: ['readers'], roles: ['auditor'] });
    await scim('DELETE', `/Groups/${group}`);
    gateway.forget(user.name);
    expect((await client.whoami()).roles).toEqual([]);
    await scim('DELETE', `/Users/${user.id}`);
  });
});

describe('a token', () => {
  test.each([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer x-wrong-token-of-the-directory-123456789' }],
    ['one that begins in the same way', { authorization: `Bearer ${token}x` }],
    ['as basic authentication', { authorization: `Basic ${Buffer.from(`scim:${token}`).toString('base64')}` }],
  ])('%s is refused in one way', async (_name, headers) => {
    const response = await fetch(`${gateway.gateway.addresses.api}/scim/v2/Users`, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toMatchObject({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: '401',
    });
  });

  test('is replaced without a pause, and each of two is named in the log', async () => {
    const other = await scim(
      'POST',
      '/Users',
      { schemas: [userUrn], userName: 'rotated' },
      { authorization: `Bearer ${second}` },
    );
    expect((await lastEvent('user-added'))?.actor).toBe('scim:token-2');
    writeFileSync(tokenFile, 'third-token-of-the-directory-0123456789');
    expect((await scim('GET', '/Users')).status).toBe(401);
    writeFileSync(tokenFile, token);
    expect((await scim('GET', '/Users')).status).toBe(200);
    await scim('DELETE', `/Users/${other.body.id}`);
  });

  test('of the directory opens nothing else, and those of people nothing here', async () => {
    expect((await failure(gateway.withToken(token).listUsers())).code).toBe('sign_in_required');
    const refused = (await admin.listAuditEvents({ action: 'scim-refused', limit: 100 })).length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(5);
    expect(gateway.logLines.join('\n')).not.toContain(token);
  });
});

describe('requests that are no good', () => {
  const cases: [string, string, string, unknown, number, string | undefined][] = [
    ['a body that is no JSON', 'POST', '/Users', '{', 400, undefined],
    ['a body that is a list', 'POST', '/Users', [], 400, 'invalidSyntax'],
    ['a user without a name', 'POST', '/Users', { schemas: [userUrn] }, 400, 'invalidValue'],
    ['an empty name', 'POST', '/Users', { userName: ' ' }, 400, 'invalidValue'],
    ['a truth value that is none', 'POST', '/Users', { userName: 'a', active: 'perhaps' }, 400, 'invalidValue'],
    ['a group name that is none here', 'POST', '/Groups', { displayName: 'Über uns' }, 400, 'invalidValue'],
    [
      'a group in a group',
      'POST',
      '/Groups',
      { displayName: 'g', members: [{ value: 'x', type: 'Group' }] },
      400,
      'invalidValue',
    ],
    [
      'a member that does not exist',
      'POST',
      '/Groups',
      { displayName: 'g', members: [{ value: 'x' }] },
      400,
      'invalidValue',
    ],
    ['an unknown user', 'GET', '/Users/none', undefined, 404, undefined],
    ['an unknown group', 'DELETE', '/Groups/none', undefined, 404, undefined],
    ['a filter that ends', 'GET', '/Users?filter=userName%20eq', undefined, 400, 'invalidFilter'],
    ['a filter of an unknown attribute', 'GET', '/Users?filter=password%20pr', undefined, 400, 'invalidFilter'],
    [
      'a filter with an unknown operator',
      'GET',
      '/Users?filter=userName%20is%20%22a%22',
      undefined,
      400,
      'invalidFilter',
    ],
    [
      'a filter that is nested deeply',
      'GET',
      `/Users?filter=${'('.repeat(50)}id%20pr${')'.repeat(50)}`,
      undefined,
      400,
      'invalidFilter',
    ],
    ['a count that is no number', 'GET', '/Users?count=many', undefined, 400, 'invalidValue'],
  ];
  test.each(cases)('%s', async (_name, method, path, body, status, scimType) => {
    const answer = await scim(method, path, body);
    expect([answer.status, answer.body['scimType']]).toEqual([status, scimType]);
  });

  test.each<[string, object, string]>([
    ['an unknown verb', { op: 'move', path: 'active', value: true }, 'invalidValue'],
    ['an unknown path', { op: 'replace', path: 'isAdmin', value: true }, 'invalidPath'],
    ['a path of a prototype', { op: 'add', path: '__proto__.disabled', value: false }, 'invalidPath'],
    ['a path without an end', { op: 'add', path: 'emails[type eq "work"', value: 'x' }, 'invalidPath'],
    ['its id', { op: 'replace', path: 'id', value: 'x' }, 'mutability'],
    ['its groups', { op: 'add', path: 'groups', value: [{ value: 'x' }] }, 'mutability'],
    ['removal of the name', { op: 'remove', path: 'userName' }, 'mutability'],
    ['removal of everything', { op: 'remove' }, 'noTarget'],
    ['a text as activity', { op: 'replace', path: 'active', value: 'off' }, 'invalidValue'],
    ['a list as activity', { op: 'replace', path: 'active', value: [false] }, 'invalidValue'],
    ['a filter that selects nothing', { op: 'add', path: 'emails[type co "w"].value', value: 'x' }, 'noTarget'],
  ])('a change of %s changes nothing, also not what stands before it', async (_name, operation, scimType) => {
    const user = await newUser();
    const answer = await patch(`/Users/${user.id}`, { op: 'replace', path: 'title', value: 'changed' }, operation);
    expect(answer.body).toMatchObject({ status: '400', scimType });
    expect((await scim('GET', `/Users/${user.id}`)).body).not.toHaveProperty('title');
    await scim('DELETE', `/Users/${user.id}`);
  });

  test.each<[string, (id: string) => object]>([
    ['a part', (id) => ({ op: 'replace', path: `members[value eq "${id}"].display`, value: 'M' })],
    ['the value', (id) => ({ op: 'replace', path: `members[value eq "${id}"]`, value: { display: 'M' } })],
    ['a part that is added', (id) => ({ op: 'add', path: `members[value eq "${id}"].type`, value: 'User' })],
  ])('nobody joins a group by a change of %s of a member that he is not', async (_name, operationOf) => {
    const [member, stranger] = [await newUser(), await newUser()];
    const group = await newGroup('dba', [member.id]);
    const answer = await patch(`/Groups/${group}`, operationOf(stranger.id));
    expect(answer.body).toMatchObject({ status: '400', scimType: 'noTarget' });
    const { body } = await scim('GET', `/Groups/${group}`);
    expect(body['members']).toEqual([expect.objectContaining({ value: member.id })]);
    await scim('DELETE', `/Groups/${group}`);
  });

  test('but plain JSON is as good as its own media type', async () => {
    const headers = { 'content-type': 'application/json' };
    const created = await scim('POST', '/Users', { schemas: [userUrn], userName: 'plain-json' }, headers);
    expect(created.status).toBe(201);
    await scim('DELETE', `/Users/${created.body.id}`);
  });

  test('names that are taken', async () => {
    const user = await newUser({ externalId: 'ext-1' });
    const upper = { schemas: [userUrn], userName: user.userName.toUpperCase() };
    expect((await scim('POST', '/Users', upper)).body).toMatchObject({ status: '409', scimType: 'uniqueness' });
    const same = { schemas: [userUrn], userName: 'other', externalId: 'ext-1' };
    expect((await scim('POST', '/Users', same)).body).toMatchObject({ status: '409', scimType: 'uniqueness' });
    const group = await newGroup('Taken');
    expect((await scim('POST', '/Groups', { displayName: 'taken' })).body).toMatchObject({ scimType: 'uniqueness' });
    await scim('DELETE', `/Groups/${group}`);
    await scim('DELETE', `/Users/${user.id}`);
  });

  test('changes of what somebody else has changed meanwhile', async () => {
    const user = await newUser();
    const { headers } = await scim('GET', `/Users/${user.id}`);
    const tag = headers.get('etag') ?? '';
    expect((await scim('GET', `/Users/${user.id}`, undefined, { 'if-none-match': tag })).status).toBe(304);
    await patch(`/Users/${user.id}`, { op: 'add', path: 'title', value: 'first' });
    const put = { schemas: [userUrn], userName: user.userName, title: 'second' };
    expect((await scim('PUT', `/Users/${user.id}`, put, { 'if-match': tag })).status).toBe(412);
    expect((await scim('DELETE', `/Users/${user.id}`, undefined, { 'if-match': tag })).status).toBe(412);
    expect((await scim('GET', `/Users/${user.id}`)).body).toMatchObject({ title: 'first' });
    expect((await scim('DELETE', `/Users/${user.id}`, undefined, { 'if-match': '*' })).status).toBe(204);
  });
});

describe('lists', () => {
  test('come in pages', async () => {
    const users = [
      await newUser({ title: 'paged' }),
      await newUser({ title: 'paged' }),
      await newUser({ title: 'paged' }),
    ];
    const filter = `filter=${encodeURIComponent('title eq "paged"')}`;
    const page = await scim('GET', `/Users?${filter}&startIndex=2&count=1`);
    expect(page.body).toMatchObject({
      totalResults: 3,
      startIndex: 2,
      itemsPerPage: 1,
      Resources: [{ id: users[1]?.id }],
    });
    expect((await scim('GET', `/Users?${filter}&count=0`)).body).toMatchObject({ totalResults: 3, Resources: [] });
    expect((await scim('GET', `/Users?${filter}&startIndex=-5`)).body).toMatchObject({
      startIndex: 1,
      itemsPerPage: 3,
    });
    expect((await scim('GET', `/Users?${filter}&startIndex=9`)).body).toMatchObject({ totalResults: 3, Resources: [] });
    const [few] = (await scim('GET', `/Users?${filter}&count=1&attributes=userName`)).body.Resources;
    expect(Object.keys(few ?? {}).sort()).toEqual(['id', 'schemas', 'userName']);
    for (const { id } of users) await scim('DELETE', `/Users/${id}`);
  });

  test.each([
    ['externalId eq "Ext-7"', 1],
    ['externalId eq "ext-7"', 0],
    ['USERNAME Eq "FILTERED@EXAMPLE.COM"', 1],
    [`${userUrn}:userName eq "filtered@example.com"`, 1],
    ['emails[type eq "work" and value ew "@example.com"]', 1],
    ['emails[type eq "home"].value pr', 0],
    ['emails.value co "filtered"', 1],
    ['name.familyName sw "Fil" and not (active eq false)', 1],
    ['name.familyName eq "x" or externalId eq "Ext-7"', 1],
    ['active eq "True" and externalId eq "Ext-7"', 1],
    ['userName eq "a\\"b"', 0],
    ['meta.created gt "2020-01-01T00:00:00Z" and externalId eq "Ext-7"', 1],
    [`${enterpriseUrn}:department eq "filters"`, 1],
  ])('by the filter %s', async (filter, expected) => {
    const user = await scim('POST', '/Users', {
      ...{ schemas: [userUrn], userName: 'filtered@example.com', externalId: 'Ext-7', name: { familyName: 'Filter' } },
      ...{ emails: [{ type: 'work', value: 'filtered@example.com' }], [enterpriseUrn]: { department: 'Filters' } },
    });
    const { body } = await scim('GET', `/Users?filter=${encodeURIComponent(filter)}`);
    expect(body.totalResults).toBe(expected);
    await scim('DELETE', `/Users/${user.body.id}`);
  });

  test('tell what the service can do', async () => {
    expect((await scim('GET', '/ServiceProviderConfig')).body).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
    });
    expect((await scim('GET', '/ResourceTypes')).body.totalResults).toBe(2);
    expect((await scim('GET', '/ResourceTypes/User')).body).toMatchObject({ endpoint: '/Users', schema: userUrn });
    const { body } = await scim('GET', '/Schemas');
    expect(body.Resources.map(({ id }) => id)).toEqual([userUrn, groupUrn, enterpriseUrn]);
    expect((await scim('GET', `/Schemas/${groupUrn}`)).body.attributes[1]).toMatchObject({
      name: 'members',
      multiValued: true,
    });
    expect((await scim('GET', '/Schemas/none')).status).toBe(404);
  });
});
