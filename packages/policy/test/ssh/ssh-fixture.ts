import type {
  ContentType,
  FileAccess,
  ForwardDestination,
  ShellCommand,
  SshFacts,
  SshKind,
  SshStatement,
  Verdict,
} from '@weir/policy';
import { type ConnectionFacts, type PlanEvaluator, type Principal } from '@weir/policy';
import { daytime, dev, evaluatorOf, openAccess } from '../fixture.ts';

/** Facts in the short form of the case tables. */
export interface SshSketch {
  readonly kind?: SshKind;
  readonly kinds?: readonly SshKind[];
  readonly command?: string;
  /** `sudo> rm -rf /x`: wrappers before `>`; `?` = computed when it runs. */
  readonly commands?: readonly string[];
  /** `upload /etc/x [SIZE [TYPE,…]]`; `?` = not known. */
  readonly files?: readonly string[];
  readonly opaque?: readonly string[];
  readonly destructive?: readonly string[];
  /** `host:port`, or a path. */
  readonly destination?: string;
  readonly variables?: readonly string[];
  readonly login?: string;
  readonly terminal?: boolean;
}

function commandOf(text: string): ShellCommand {
  const parts = text.split('> ');
  const [program = '', ...words] = (parts.pop() ?? '').split(' ');
  const known = (word: string) => (word === '?' ? null : word);
  return { program: known(program), arguments: words.map(known), via: parts };
}

function fileOf(text: string): FileAccess {
  const [direction, path = '', size = '?', content = ''] = text.split(' ');
  return {
    direction: direction as FileAccess['direction'],
    path: path === '?' ? null : path,
    size: size === '?' ? null : Number(size),
    content: content === '' ? [] : (content.split(',') as ContentType[]),
  };
}

function destinationOf(text: string): ForwardDestination {
  if (text.startsWith('/')) return { path: text };
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
}

/** Full facts from a sketch: an understood exec unless it says otherwise. */
export function sshFactsOf(sketch: SshSketch): SshFacts {
  const kind = sketch.kind ?? 'exec';
  const commands = (sketch.commands ?? []).map(commandOf);
  return {
    kind,
    command: sketch.command ?? commands[0]?.program ?? kind,
    kinds: sketch.kinds ?? [kind],
    commands,
    opaque: sketch.opaque ?? [],
    destructive: sketch.destructive ?? [],
    files: (sketch.files ?? []).map(fileOf),
    destination: sketch.destination === undefined ? null : destinationOf(sketch.destination),
    variables: sketch.variables ?? [],
  };
}

export function sshStatementOf(sketch: SshSketch): SshStatement {
  const { login = 'deploy', terminal = false } = sketch;
  return { text: 'text', login, terminal, facts: sshFactsOf(sketch) };
}

export const host: ConnectionFacts = { name: 'web-1', protocol: 'ssh', labels: { env: 'demo' } };

/** Everything for everybody, opaque commands and forwards too. */
export const allKindsAccess = `${openAccess}  statements:
    kinds: [shell, exec, scp, rsync, git, sftp, subsystem, direct-tcpip, forwarded-tcpip, direct-streamlocal, forwarded-streamlocal, auth-agent, x11, env, input]
  opaque: allow
  ssh: { env: ['*'] }
`;

export function sshEvaluatorOf(policy: string, principal: Principal = dev): PlanEvaluator {
  return evaluatorOf(policy, principal, host);
}

/** Verdict of a policy on something sketched. */
export function judgeSsh(policy: string, sketch: SshSketch, now = daytime.now): Verdict {
  return sshEvaluatorOf(policy).evaluateSsh(sshStatementOf(sketch), { now, interactive: true });
}
