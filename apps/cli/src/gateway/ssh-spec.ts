import { WeirError } from '@weir/errors';

/** Flags of `weir connections add --ssh`. */
export interface SshFlags {
  readonly ssh?: string;
  readonly jump?: readonly string[];
  readonly auth?: string;
  readonly hostKey?: readonly string[];
  readonly keepalive?: string;
}

/** The target of an SSH host by flags; its form is checked with the whole connection. `secret`: where the key or password is. @throws WeirError invalid_request. */
export function sshTargetOfFlags(flags: SshFlags, secret: unknown): unknown {
  return {
    protocol: 'ssh',
    ...parseHost(flags.ssh ?? ''),
    ...(flags.auth === undefined ? {} : { auth: flags.auth }),
    secret,
    hostKeys: flags.hostKey ?? [],
    jumps: (flags.jump ?? []).map(parseHost),
    ...(flags.keepalive === undefined ? {} : { keepaliveSeconds: Number(flags.keepalive) }),
  };
}

/** `user@host[:port]`; an IPv6 address with a port stands in brackets. The last @ divides, since users of directories have one in their name. */
function parseHost(text: string): { user: string; host: string; port?: number } {
  const match = /^(.+)@(\[[0-9a-fA-F:.]+\]|[^@:[\]\s]+|[0-9a-fA-F:]+)(?::(\d+))?$/.exec(text);
  const [, user = '', host = '', port] = match ?? [];
  if (match === null) {
    throw new WeirError('invalid_request', `"${text}" is not a host to sign in at.`, {
      fix: 'Write it as user@host or user@host:port.',
    });
  }
  return { user, host: host.replace(/^\[|\]$/g, ''), ...(port === undefined ? {} : { port: Number(port) }) };
}
