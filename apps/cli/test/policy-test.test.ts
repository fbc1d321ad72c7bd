import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { newFolder, runWeir } from './fixture/run-weir.ts';

const policy = `apiVersion: weir.dev/v1
kind: Access
metadata: { name: staff }
spec:
  who: { groups: [developers] }
  connections: { labels: { env: demo } }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: no-ddl }
spec:
  match: { kinds: [ddl] }
  action: deny
  reason: migrations only
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: contact }
spec:
  columns: ['*.*.email']
  transform: redact
`;
const who = 'user: alice, groups: [developers], connection: orders, labels: { env: demo }';

let folder: string;
beforeAll(() => {
  folder = newFolder();
  writeFileSync(join(folder, 'policy.yaml'), policy);
});

async function test(cases: string): Promise<{ status: number | null; found: string[]; stderr: string }> {
  const path = join(folder, 'policy.cases.yaml');
  writeFileSync(path, `tables: { public.customers: [id, name, email] }\ncases:\n${cases}`);
  const { status, stdout, stderr } = await runWeir(['policy', 'test', join(folder, 'policy.yaml'), '--json'], {
    home: folder,
  });
  const outcomes = stdout === '' ? [] : (JSON.parse(stdout) as { ok: boolean; problem: string | null }[]);
  return { status, found: outcomes.map(({ ok, problem }) => (ok ? 'ok' : (problem ?? ''))), stderr };
}

const grantPolicy = `apiVersion: weir.dev/v1
kind: Access
metadata: { name: repair }
spec:
  who: { groups: [developers] }
  connections: { labels: { env: demo } }
  grant: required
  when: client.address.inNetwork("10.0.0.0/8") && mfa.ageSeconds < 900 && ticket.startsWith("INC-")
---
apiVersion: weir.dev/v1
kind: AccessRequest
metadata: { name: ask }
spec:
  who: { groups: [developers] }
  connections: { labels: { env: demo } }
  longest: 1h
  approvers: { groups: [developers] }
`;

describe('weir policy test', () => {
  it('knows grants, addresses and second factors', async () => {
    writeFileSync(join(folder, 'policy.yaml'), grantPolicy);
    const facts = 'client: 10.0.0.1, mfaAgeSeconds: 60';
    const { status, found } = await test(`
  - { ${who}, sql: "SELECT 1", ${facts}, grants: [{ rule: ask, ticket: INC-1 }], expect: allow, rule: repair }
  - { ${who}, sql: "SELECT 1", ${facts}, grants: [{ rule: ask }], expect: deny }
  - { ${who}, sql: "SELECT 1", ${facts}, grants: [{ rule: ask, ticket: INC-1, kind: break-glass }], expect: deny, reason: needs a grant }
  - { ${who}, sql: "SELECT 1", client: 11.0.0.1, mfaAgeSeconds: 60, grants: [{ rule: ask, ticket: INC-1 }], expect: deny }
  - { ${who}, sql: "SELECT 1", client: 10.0.0.1, grants: [{ rule: ask, ticket: INC-1 }], expect: deny }
  - { ${who}, sql: "SELECT 1", ${facts}, expect: deny, rule: default, reason: needs a grant }
`);
    writeFileSync(join(folder, 'policy.yaml'), policy);
    expect({ status, found }).toEqual({ status: 0, found: Array(6).fill('ok') });
  });

  it('judges SQL as the agent does, with columns by lineage', async () => {
    const { status, found } = await test(`
  - { ${who}, sql: "SELECT id, upper(email) AS contact FROM customers", expect: allow, rule: staff, masked: [contact] }
  - { ${who}, sql: "WITH c AS (SELECT * FROM customers) SELECT name FROM c", expect: allow, masked: [] }
  - { ${who}, sql: "SELECT 1; DROP TABLE customers", expect: deny, rule: no-ddl, reason: migrations }
  - { ${who}, sql: "SELEC 1", expect: deny }
  - { user: eve, connection: orders, sql: "SELECT 1", expect: deny }
  - name: the long form
    principal: { name: alice, groups: [developers] }
    connection: { name: orders, labels: { env: demo } }
    sql: SELECT name FROM customers
    expect: { action: allow }
`);
    expect({ status, found }).toEqual({ status: 0, found: Array(6).fill('ok') });
  });

  it('says how a verdict differs, exit status 1', async () => {
    const { status, found } = await test(`
  - { ${who}, sql: "SELECT email FROM customers", expect: allow, masked: [] }
  - { ${who}, sql: "DROP TABLE customers", expect: allow }
`);
    expect(status).toBe(1);
    expect(found[0]).toBe('expected masked columns none, found email');
    expect(found[1]).toContain('expected allow, found deny by no-ddl');
  });

  it.each([
    ['a case without SQL', `  - { ${who}, expect: allow }\n`, 'sql'],
    ['a word that is none', `  - { ${who}, sql: "SELECT 1", expect: permit }\n`, 'permit'],
    ['an unknown key', `  - { ${who}, sql: "SELECT 1", expect: allow, mask: [] }\n`, 'mask'],
    ['text that is not YAML', '  - {', 'is not a file of cases'],
  ])('refuses %s, exit status 2', async (_name, cases, part) => {
    const { status, stderr } = await test(cases);
    expect(status).toBe(2);
    expect(stderr).toContain(part);
  });
});

describe('weir policy lint', () => {
  it('gives errors with their place on stdout, exit status 2', async () => {
    const path = join(folder, 'bad.yaml');
    writeFileSync(path, policy.replace('kind: Access', 'kind: Acess'));
    const { status, stdout } = await runWeir(['policy', 'lint', path], { home: folder });
    expect(status).toBe(2);
    expect(stdout).toContain(`${path}:2:7: error: kind must be`);
  });
});
