/** One line of ssh_config. */
export type SshSetting = readonly [keyword: string, value: string];

/** The name under which known_hosts has the gateway's keys, whatever the host is called. */
export const gatewayAlias = 'weir-gateway';

/** A path as ssh_config takes it: quoted, and nothing in it is a token. */
export const pathValue = (path: string): string => `"${path.replaceAll('%', '%%')}"`;

/** Nobody but the gateway is at the other end: its keys are known, and new ones are not learned. */
export function hostKeySettings(knownHosts: string): SshSetting[] {
  return [
    ['UserKnownHostsFile', pathValue(knownHosts)],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['StrictHostKeyChecking', 'yes'],
    ['CheckHostIP', 'no'],
    ['UpdateHostKeys', 'no'],
    ['VerifyHostKeyDNS', 'no'],
  ];
}

/** Settings as options on a command line. */
export const asOptions = (settings: readonly SshSetting[]): string[] =>
  settings.flatMap(([keyword, value]) => ['-o', `${keyword}=${value}`]);

/** Settings as a block of ssh_config. */
export const asBlock = (head: string, settings: readonly SshSetting[]): string =>
  [head, ...settings.map(([keyword, value]) => `  ${keyword} ${value}`), ''].join('\n');

/** A word for a shell. */
const shellWord = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A ProxyCommand that runs this very CLI. */
export function selfAsProxy(args: readonly string[], tokens: readonly string[] = []): string {
  const [node = process.execPath, program = ''] = process.argv;
  const fixed = [node, ...process.execArgv, program, ...args].map((word) => shellWord(word).replaceAll('%', '%%'));
  return [...fixed, ...tokens].join(' ');
}
