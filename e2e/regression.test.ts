import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createTemporaryFolder,
  hasCommand,
  hasPostgres15,
  runCommand,
  runPsql,
  serverInstallation,
  startPostgres15,
  type TestServer,
} from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import {
  createSuiteDatabase,
  findSuite,
  openSuite,
  type SuiteFolder,
  scriptsInOrder,
  suiteDatabase,
  suiteSettings,
} from '@weir/testkit/regression-suite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type System, startSystem } from './fixture/system.ts';
import { root } from './fixture/wait.ts';

/** The person may do all that the target's role may: nothing is denied, nothing masked. */
const openPolicy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everything }
spec:
  who: { groups: [admins] }
  connections: { names: ["*"] }
  opaque: allow
  allowSettings: ["*"]
`;

/** Scripts that need little besides each other and change the catalog seldom. WEIR_REGRESSION=all runs the whole schedule, or names scripts with commas. */
const everyday =
  'test_setup name text int2 int4 int8 txid uuid xid money regex date tstypes jsonpath jsonb_jsonpath select_implicit portals limit tidscan';

const scriptsOf = (suite: string): string[] => {
  const wanted = process.env['WEIR_REGRESSION'] ?? everyday;
  const names = new Set(wanted.split(/[\s,]+/));
  return scriptsInOrder(suite).filter((script) => wanted === 'all' || names.has(script));
};

/** Rows of the table of exceptions in the documentation: script, fingerprint of the difference. */
const exceptions = (): Map<string, string> => {
  const page = readFileSync(join(root, 'docs/protocols/postgres-regression.md'), 'utf8');
  return new Map([...page.matchAll(/^\| `(\w+)` \| `([0-9a-f]{12})` \|/gm)].map((row) => [row[1] ?? '', row[2] ?? '']));
};

/** What differs from run to run without Weir, too: the number of the session in the text of a denial. */
const normalised = (text: string) => text.replaceAll(/\bses_\w+/g, 'ses_X');

const regressionLane = lane(
  'postgresql-regression',
  () => hasPostgres15() && hasCommand('psql') && findSuite() !== undefined,
  'install postgresql-15 and run scripts/fetch-regression-suite.sh',
);

regressionLane('what the client sees without a policy', () => {
  let direct: TestServer;
  let behind: TestServer;
  let system: System;
  let suite: SuiteFolder;
  const all = findSuite() ?? '';
  const directUrl = () => Object.assign(new URL(direct.adminUrl), { pathname: suiteDatabase }).href;
  beforeAll(async () => {
    suite = openSuite(all);
    [direct, behind] = await Promise.all([
      startPostgres15({ settings: suiteSettings }),
      startPostgres15({ settings: suiteSettings }),
    ]);
    for (const server of [direct, behind]) await createSuiteDatabase(server);
    system = await startSystem({ target: behind, database: suiteDatabase, policy: openPolicy });
  });
  afterAll(async () => {
    await system?.stop();
    await Promise.all([direct?.stop(), behind?.stop()]);
    suite?.remove();
  });

  const scratch = createTemporaryFolder('weir-regress-diff');
  afterAll(() => scratch.remove());

  /** Lines that differ, without their numbers: `<` direct, `>` through Weir. */
  const differenceOf = async (script: string): Promise<string> => {
    const texts = [await suite.run(directUrl(), script), await suite.run((await system.dsn('admin')).dsn, script)];
    const files = texts.map((text, at) => {
      const file = join(scratch.path, `${script}.${at === 0 ? 'direct' : 'weir'}`);
      writeFileSync(file, normalised(text));
      return file;
    });
    const { stdout } = await runCommand('diff', files);
    return stdout.replaceAll(/^\d+(,\d+)?[acd]\d+(,\d+)?\n/gm, '');
  };

  const known = exceptions();
  it.each(scriptsOf(all))(
    '%s',
    async (script) => {
      const difference = await differenceOf(script);
      const fingerprint = createHash('sha256').update(difference).digest('hex').slice(0, 12);
      const expected = known.get(script);
      if (expected === undefined) expect(difference, `a difference that is no exception (${fingerprint})`).toBe('');
      else expect(fingerprint, `another difference than the exception:\n${difference}`).toBe(expected);
    },
    600_000,
  );

  it('pgbench: its scripts run in every protocol mode and leave the same tables', async () => {
    const pgbench = join(serverInstallation('15'), 'bin/pgbench');
    const ways = [directUrl(), (await system.dsn('admin')).dsn];
    const bench = async (dsn: string, args: readonly string[]) => {
      const { status, stderr, stdout } = await runCommand(pgbench, [...args, dsn]);
      expect({ status, errors: stderr.match(/error|fatal|aborted/gi), stdout }, stderr).toMatchObject({
        status: 0,
        errors: null,
      });
      return stdout;
    };
    for (const dsn of ways) await bench(dsn, ['-i', '-q', '-s', '1']);
    for (const script of ['tpcb-like', 'simple-update', 'select-only']) {
      for (const mode of ['simple', 'extended', 'prepared']) {
        for (const dsn of ways) {
          const said = await bench(dsn, ['-n', '-b', script, '-M', mode, '-c', '1', '-t', '10', '--random-seed=7']);
          expect(said).toContain('number of failed transactions: 0 (0.000%)');
          expect(said).toContain('number of transactions actually processed: 10/10');
        }
      }
    }
    const content = `SELECT md5(string_agg(t::text, ';' ORDER BY t)) FROM (SELECT (aid, bid, abalance) FROM pgbench_accounts) x(t);
SELECT md5(string_agg(t::text, ';' ORDER BY t)) FROM (SELECT (tid, bid, delta, aid) FROM pgbench_history) x(t);
SELECT * FROM pgbench_branches ORDER BY 1; SELECT * FROM pgbench_tellers ORDER BY 1;`;
    const [first, second] = await Promise.all(
      [direct, behind].map((server) =>
        runPsql(Object.assign(new URL(server.adminUrl), { pathname: suiteDatabase }).href, content),
      ),
    );
    expect(first?.stderr).toBe('');
    expect(second?.stdout).toBe(first?.stdout);
  }, 180_000);
});
