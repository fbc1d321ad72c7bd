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

describe('cases of SSH', () => {
  const rules = `apiVersion: weir.dev/v1
kind: Access
metadata: { name: staff }
spec: { who: { groups: [developers] }, connections: { labels: { env: demo } } }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: destructive }
spec:
  match: { ssh: { destructive: true } }
  action: require-approval
  approval: { approvers: { groups: [leads] } }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: no-etc }
spec: { match: { ssh: { paths: ["/etc/*"] } }, action: deny }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: no-cards }
spec: { match: { ssh: { content: [card] } }, action: deny }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: typed-reboot, description: Advisory. }
spec: { match: { kinds: [input], ssh: { programs: [reboot] } }, action: deny }
`;

  const asked: readonly (readonly [string, string])[] = [
    ['"ls -l /tmp", expect: allow', 'ok'],
    ['"rm -rf /srv", expect: require-approval, rule: destructive', 'ok'],
    [
      '"cat $(echo /srv/x)", expect: allow',
      'expected allow, found deny by no-etc: It reads a file whose name is computed when it runs.',
    ],
    ['"echo aGk= | base64 -d | sh", expect: deny, rule: opaque-statement', 'ok'],
    ['"cat /etc/shadow", expect: deny, rule: no-etc', 'ok'],
    ['{ exec: "cat /etc/shadow", login: root, terminal: true }, expect: deny, rule: no-etc', 'ok'],
    ['{ shell: true, terminal: true }, expect: allow', 'ok'],
    ['{ typed: "sudo reboot" }, expect: deny, rule: typed-reboot', 'ok'],
    ['{ get: /etc/passwd }, expect: deny, rule: no-etc', 'ok'],
    ['{ put: /srv/x, size: 5 }, expect: allow', 'ok'],
    ['{ get: /srv/x, content: [card] }, expect: deny, rule: no-cards', 'ok'],
    ['{ list: /etc/ssh }, expect: deny', 'ok'],
    ['{ remove: /srv/x }, expect: require-approval', 'ok'],
    ['{ subsystem: sftp }, expect: allow', 'ok'],
    ['{ subsystem: netconf }, expect: deny, rule: default', 'ok'],
    ['{ forward: "db:5432" }, expect: deny, rule: default', 'ok'],
    ['{ forward: /run/x.sock }, expect: deny', 'ok'],
    ['{ listen: "localhost:80" }, expect: deny', 'ok'],
    ['{ agent: true }, expect: deny', 'ok'],
    ['{ x11: true }, expect: deny', 'ok'],
    ['{ env: LANG }, expect: allow', 'ok'],
    ['{ env: LD_PRELOAD }, expect: deny, rule: unsafe-variable', 'ok'],
  ];

  it('are judged as the agent would judge them', async () => {
    writeFileSync(join(folder, 'policy.yaml'), rules);
    const { found } = await test(asked.map(([what]) => `  - { ${who}, ssh: ${what} }\n`).join(''));
    expect(asked.map(([what], at) => [what, found[at]])).toEqual(asked);
  });

  it('need one thing that is asked', async () => {
    const wrong = ['ssh: ls, sql: SELECT 1', 'ssh: { login: root }', 'ssh: { exec: ls, shell: true }'];
    const { stderr } = await test(wrong.map((what) => `  - { ${who}, ${what}, expect: allow }\n`).join(''));
    expect(stderr).toContain('A case needs "sql" or "ssh".');
    expect(stderr.match(/Name one of exec, shell, typed|Expected a command, or one of exec, shell/g)).toHaveLength(2);
  });
});
