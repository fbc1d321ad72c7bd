import type { DemoSettings } from './demo-settings.ts';
import { demoUsers } from './demo-settings.ts';
import type { GatewayRuntime } from './gateway-config.ts';
import type { SshTarget } from './ssh-target.ts';

/** What the final screen depends on. */
export interface ScreenFacts {
  readonly runtime: GatewayRuntime;
  readonly settings: DemoSettings;
  /** The SSH host, or why there is none. */
  readonly host: SshTarget | string;
  readonly hasPsql: boolean;
  readonly elapsedSeconds: number;
  /** Escape sequences for emphasis; plain text when false. */
  readonly hasColour: boolean;
}

/** The screen that ends `npm start`: where it runs, who can sign in, what to try, how to stop. */
export function readyScreen(facts: ScreenFacts): string {
  const bold = (text: string): string => (facts.hasColour ? `\u001b[1m${text}\u001b[22m` : text);
  const dim = (text: string): string => (facts.hasColour ? `\u001b[2m${text}\u001b[22m` : text);
  const command = (text: string, comment: string): string => `  ${text}\n      ${dim(`# ${comment}`)}`;
  const users = demoUsers.map(
    ({ name, groups }) => `  ${name.padEnd(8)}${facts.settings.passwords[name]}   ${dim(groups.join(', '))}`,
  );
  const psql = [
    command('./weir connect demo-pg -- psql', 'the same in psql: views, joins, COPY, prepared statements'),
    command('./weir connect demo-pg', 'a local port and a DSN for any other client'),
  ];
  const { host } = facts;
  const ssh =
    typeof host === 'string'
      ? []
      : [
          command(`./weir ssh demo-ssh -- cat ${host.sample}`, 'this machine by its own sshd: personal data is masked'),
          command('./weir ssh demo-ssh -- rm -rf /tmp/x', 'asks for approval, too'),
        ];
  return [
    '',
    bold(`Weir is ready (${facts.elapsedSeconds.toFixed(1)} s).`),
    '',
    `  API         ${facts.runtime.api}`,
    `  PostgreSQL  ${facts.runtime.postgres}  (native clients; sign in with a session's password)`,
    ...(facts.runtime.ssh === undefined
      ? []
      : [`  SSH         ${facts.runtime.ssh}  (native clients; sign in as USER+CONNECTION)`]),
    '',
    ...(typeof host === 'string' ? [`  No demo-ssh: ${host.replace(/\.?$/, '.')}`, ''] : []),
    bold('Users'),
    ...users,
    '',
    bold('Try, in another terminal in this folder'),
    command('./weir login --user alice', 'asks for the password above'),
    command('./weir exec demo-pg "SELECT name, email, card, ssn FROM customers LIMIT 5"', 'personal data is masked'),
    command('./weir exec demo-pg "DROP TABLE customers"', 'denied, with the reason'),
    command(
      './weir exec demo-pg "DELETE FROM orders WHERE id = 7"',
      'asks for approval: alice cannot approve it herself',
    ),
    ...(facts.hasPsql ? psql : []),
    ...ssh,
    '',
    bold('Then approve as bob'),
    command('WEIR_HOME=.weir-home/bob ./weir login --user bob', "a profile of bob's own beside alice's"),
    command('WEIR_HOME=.weir-home/bob ./weir requests ls', 'what waits; then: requests approve ID'),
    '',
    bold('Evidence, as admin'),
    command('WEIR_HOME=.weir-home/admin ./weir login --user admin', 'admin sees clear values'),
    command('WEIR_HOME=.weir-home/admin ./weir audit verify', 'checks every recording'),
    '',
    'Press Ctrl-C to stop. Start over with: npm run reset',
    '',
  ].join('\n');
}
