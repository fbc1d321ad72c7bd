import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiClient, OpenSessionResponse } from '@weir/api';
import { WeirError } from '@weir/errors';
import { formatKeyLine, formatPrivateKey, publicKeyOf } from '@weir/ssh-certificate';
import { z } from 'zod';
import type { Cli } from '../cli.ts';
import type { StreamAddress } from '../gateway/open-session.ts';
import { asBlock, gatewayAlias, hostKeySettings, pathValue, type SshSetting } from './ssh-settings.ts';

/** Bounds of a certificate's life at the gateway, seconds. */
const minSeconds = 60;
const maxSeconds = 28_800;

/** Files by which OpenSSH's client uses one session and types nothing. */
export interface SessionFolder {
  /** File for `weir ssh-proxy --stream`. */
  readonly stream: string;
  /** What ssh has to know, but for the way. */
  readonly settings: readonly SshSetting[];
  /** Writes an ssh_config with the connection as a host, reached at a local port. @returns its path */
  writeConfig(port: number): string;
  remove(): void;
}

/**
 * Makes them in a folder of their own that only this user can read: a throw-away key with a certificate, the gateway's host keys, and the way to the stream.
 * @param forSeconds how long clients may come; the certificate lives no longer
 * @throws WeirError when the gateway gives no certificate
 */
export async function createSessionFolder(
  cli: Cli,
  api: ApiClient,
  session: { readonly opened: OpenSessionResponse; readonly address: StreamAddress },
  forSeconds: number,
): Promise<SessionFolder> {
  const { opened, address } = session;
  const knownHostLines = knownHostsOf(opened);
  const { privateKey } = generateKeyPairSync('ed25519');
  const { type, blob } = publicKeyOf(privateKey);
  const seconds = Math.min(maxSeconds, Math.max(minSeconds, Math.floor(forSeconds)));
  const { certificate } = await api.issueSshCertificate({ publicKey: formatKeyLine(type, blob), seconds });
  const folder = mkdtempSync(join(cli.env['TMPDIR'] || tmpdir(), 'weir-ssh-'));
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const knownHosts = write('known_hosts', knownHostLines);
  const identity = write('id', formatPrivateKey(privateKey, `weir ${opened.id}`));
  const certificateFile = write('id-cert.pub', `${certificate}\n`);
  const stream = write('stream.json', JSON.stringify(address));
  const settings: SshSetting[] = [
    ['User', opened.ssh?.login ?? opened.user],
    ['HostKeyAlias', gatewayAlias],
    ...hostKeySettings(knownHosts),
    ['IdentityFile', pathValue(identity)],
    ['CertificateFile', pathValue(certificateFile)],
    ['IdentitiesOnly', 'yes'],
    ['PreferredAuthentications', 'publickey'],
    // A connection that is shared would outlive its session, or be that of another one.
    ['ControlMaster', 'no'],
    ['ControlPath', 'none'],
  ];
  return {
    ...{ stream, settings },
    writeConfig: (port) => {
      const way: SshSetting[] = [
        ['HostName', '127.0.0.1'],
        ['Port', String(port)],
      ];
      return write('config', asBlock(`Host ${opened.connection}`, [...way, ...settings]));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** @throws WeirError invalid_request when the connection is no SSH host. */
function knownHostsOf({ connection, protocol, ssh }: OpenSessionResponse): string {
  if (ssh === undefined) {
    throw new WeirError('invalid_request', `The connection ${connection} is no SSH host: it speaks ${protocol}.`, {
      fix: `weir connect ${connection}`,
    });
  }
  return ssh.hostKeys.map((key) => `${gatewayAlias} ${key}\n`).join('');
}

const streamSchema = z.object({ session: z.string(), address: z.string(), ca: z.string() });

/** Reads the file of `weir ssh-proxy --stream`. @throws WeirError invalid_request. */
export function readStreamFile(path: string): StreamAddress {
  try {
    return streamSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new WeirError('invalid_request', `The file ${path} does not name a session.`, {
      why: 'weir ssh writes it and removes it at its end.',
      fix: 'weir ssh HOST',
      cause,
    });
  }
}
