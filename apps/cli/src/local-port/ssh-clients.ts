import { basename } from 'node:path';
import type { ApiClient } from '@weir/api';
import type { Cli } from '../cli.ts';
import type { ClientSession } from '../gateway/open-session.ts';
import { createSessionFolder } from '../ssh/session-folder.ts';
import { note, printJson, printLine } from '../terminal/output.ts';
import { runProgram } from '../terminal/run-program.ts';

/** How OpenSSH's programs use a local port: by an ssh_config of their own. */
export interface SshWay {
  readonly config: string;
  readonly port: number;
  remove(): void;
}

/** Writes the files for a session's clients. @throws WeirError. */
export async function openSshWay(cli: Cli, api: ApiClient, session: ClientSession, port: number): Promise<SshWay> {
  const leftMs = Date.parse(session.opened.expiresAt) - cli.now();
  const folder = await createSessionFolder(cli, api, session, leftMs / 1000);
  return { config: folder.writeConfig(port), port, remove: folder.remove };
}

/** Says how clients use the port. */
export function announceSsh(cli: Cli, request: { readonly json: boolean }, session: ClientSession, way: SshWay): void {
  const { id, connection, expiresAt } = session.opened;
  const { config, port } = way;
  if (request.json) {
    printJson(cli, { port, config, host: connection, session: id });
    return;
  }
  printLine(cli, `ssh -F ${config} ${connection}`);
  note(cli, `Session ${id} on ${connection}, until ${expiresAt}. In another terminal also:`);
  note(cli, `  scp -F ${config} FILE ${connection}:`);
  note(cli, `  sftp -F ${config} ${connection}`);
  note(cli, `  rsync -e 'ssh -F ${config}' -a FOLDER ${connection}:`);
}

/** Programs that take ssh's option for a configuration file. */
const withConfig = new Set(['ssh', 'scp', 'sftp']);

/** Runs a client: `ssh`, `scp` and `sftp` get the configuration, others find it by the variables of rsync and git. @returns its exit status. */
export function runSshClient(cli: Cli, command: readonly string[], { config }: SshWay): Promise<number> {
  const [program = '', ...args] = command;
  const own = withConfig.has(basename(program)) ? ['-F', config] : [];
  const ssh = `ssh -F ${config}`;
  const env = { ...cli.env, RSYNC_RSH: ssh, GIT_SSH_COMMAND: ssh };
  return runProgram(cli, program, [...own, ...args], env);
}
