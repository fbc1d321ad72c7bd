import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { addSshTrust } from './ssh-trust.ts';

/** `weir ssh`, and the hidden `weir ssh-proxy` that ssh runs. */
export function addSsh(program: Command, cli: Cli): void {
  const ssh = program
    .command('ssh')
    .description("Open a shell on a host, or run a command there, by OpenSSH's own client")
    .usage('[options of ssh] HOST [-- COMMAND]')
    .argument(
      '[args...]',
      'as of ssh(1): -L, -R, -D, -A, -N, -t, -v and so on; account, port and key are those of the connection',
    )
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nExamples:\n  $ weir ssh web\n  $ weir ssh web -- uptime\n  $ tar c . | weir ssh web -- tar xC /tmp\n  $ weir ssh -N -L 8080:localhost:80 web',
    )
    .action(
      act(cli, async (args: string[]) => {
        const { runSsh } = await import('../ssh/run-ssh.ts');
        return runSsh(
          cli,
          args.filter((word, at) => at > 0 || word !== '--no-input'),
        );
      }),
    );
  leaf(ssh, 'config', 'Print an ssh_config by which ssh, scp, rsync and editors reach hosts as NAME.weir', [
    'weir ssh config --write   # then: ssh web.weir, scp FILE web.weir:, rsync, VS Code …',
    'weir ssh config --native --write   # straight to the gateway: needs no weir once it is written',
  ])
    .option('--native', "by the gateway's SSH listener (default: through weir and its sign-in)")
    .option('--write', "write it to weir's own folder, and include it in ~/.ssh/config")
    .action(
      act(cli, async (options: CommonOptions & { readonly native?: boolean; readonly write?: boolean }) => {
        const { makeSshConfig, writeSshConfig } = await import('../ssh/config-file.ts');
        const config = await makeSshConfig(cli, signedIn(cli), options.native === true ? 'native' : 'proxy');
        const written = writeSshConfig(cli, config, options.write === true);
        if (options.json === true) printJson(cli, { config: config.text, knownHosts: config.knownHosts, written });
        else if (options.write !== true) cli.stdout.write(config.text);
        if (options.json !== true) for (const file of written) note(cli, `Wrote ${file}`);
      }),
    );
  addSshTrust(ssh, cli);
  program
    .command('ssh-proxy', { hidden: true })
    .description("ProxyCommand of ssh: carries standard input and output to a host's session")
    .argument('[host]', 'NAME or NAME.weir: opens a session for it')
    .option('--stream <file>', 'of a session that is open')
    .action(
      act(cli, async (host: string | undefined, options: { readonly stream?: string }) => {
        const { runProxyOfHost, runProxyOfStream } = await import('../ssh/run-proxy.ts');
        await (options.stream === undefined ? runProxyOfHost(cli, host ?? '') : runProxyOfStream(cli, options.stream));
      }),
    );
}
