import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SshTrust } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import type { SignedIn } from '../gateway/api.ts';
import { configFolder } from '../profile/config-folder.ts';
import { findSshIdentity, makeSshIdentity, type SshIdentity } from '../sign-in/ssh-identity.ts';
import { hostSuffix } from './run-proxy.ts';
import { asBlock, gatewayAlias, hostKeySettings, pathValue, type SshSetting, selfAsProxy } from './ssh-settings.ts';

/** How hosts are reached: through this CLI and its sign-in, or straight by the gateway's SSH listener. */
export type SshWayIn = 'proxy' | 'native';

/** An ssh_config for the hosts of a gateway, with the file for known_hosts that it names. */
export interface SshConfig {
  readonly text: string;
  readonly knownHostsFile: string;
  readonly knownHosts: string;
}

/** Makes it; a certificate is fetched when there is none. @throws WeirError sign_in_required, not_found when there is no listener. */
export async function makeSshConfig(cli: Cli, access: SignedIn, way: SshWayIn): Promise<SshConfig> {
  const { api, gateway } = access;
  const trust = await api.sshTrust();
  const { user } = await api.whoami();
  const identity = (await findSshIdentity(cli, gateway)) ?? (await makeSshIdentity(cli, gateway, api));
  const knownHostsFile = join(sshFolder(cli), 'known_hosts');
  const settings = [...hostKeySettings(knownHostsFile), ...identitySettings(identity)];
  const head = `# Hosts of Weir at ${gateway.api}, written by weir ssh config. ssh NAME${hostSuffix}\n`;
  const alias = trust.hostKeys.map((key) => `${gatewayAlias} ${key}`);
  const knownHosts = [...trust.knownHosts, ...alias].map((line) => `${line}\n`).join('');
  if (way === 'proxy') {
    const proxy: SshSetting[] = [
      ['ProxyCommand', selfAsProxy(['ssh-proxy'], ['%n'])],
      ['User', user],
      ['HostKeyAlias', gatewayAlias],
    ];
    return { text: head + asBlock(`Host *${hostSuffix}`, [...proxy, ...settings]), knownHostsFile, knownHosts };
  }
  const { host, port } = listenerOf(trust);
  const names = (await api.listConnections()).filter(({ protocol }) => protocol === 'ssh').map(({ name }) => name);
  const blocks = names.map((name) => asBlock(`Host ${name}${hostSuffix}`, [['User', `${user}+${name}`]]));
  const common = asBlock(`Host *${hostSuffix}`, [['HostName', host], ['Port', String(port)], ...settings]);
  return { text: `${head}${blocks.join('\n')}\n${common}`, knownHostsFile, knownHosts };
}

/** Writes the known_hosts, and with `isWhole` the configuration, which the user's ~/.ssh/config includes from now on. @returns what was written. */
export function writeSshConfig(cli: Cli, config: SshConfig, isWhole: boolean): string[] {
  mkdirSync(sshFolder(cli), { recursive: true, mode: 0o700 });
  replaceFile(config.knownHostsFile, config.knownHosts);
  if (!isWhole) return [config.knownHostsFile];
  const own = join(sshFolder(cli), 'config');
  replaceFile(own, config.text);
  return [config.knownHostsFile, own, ...includeIn(cli, own)];
}

/** An Include counts for all hosts only in front of the first Host or Match. */
function includeIn(cli: Cli, own: string): string[] {
  const folder = join(cli.env['HOME'] || homedir(), '.ssh');
  const file = join(folder, 'config');
  const line = `Include ${pathValue(own)}`;
  const before = readIfThere(file);
  if (before.split('\n').includes(line)) return [];
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  replaceFile(file, `${line}\n${before === '' ? '' : `\n${before}`}`);
  return [file];
}

const sshFolder = (cli: Cli): string => join(configFolder(cli.env), 'ssh');

function identitySettings({ identityFile, certificateFile }: SshIdentity): SshSetting[] {
  return [
    ['IdentityFile', pathValue(identityFile)],
    ['CertificateFile', pathValue(certificateFile)],
  ];
}

function listenerOf({ listener }: SshTrust): { readonly host: string; readonly port: number } {
  if (listener !== null) return listener;
  throw new WeirError('not_found', 'The gateway does not listen for SSH.', {
    fix: 'Leave --native out: weir ssh config',
  });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Whole or not at all. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.weir-new`, text, { mode: 0o600 });
  renameSync(`${path}.weir-new`, path);
}
