import { destinationName, type FileAccess, type SshFacts, type SshKind } from '@weir/policy';
import { analyseShell, classifyExec, filesOfExec } from '@weir/shell';
import type { SshStreamProtocol } from './ssh-decision.ts';
import { describeFile } from './ssh-file-facts.ts';
import type { SshRequest } from './ssh-request.ts';

/** What a request means. */
export interface SshMeaning {
  /** What the record and approvers show. */
  readonly text: string;
  readonly facts: SshFacts;
  /** Of what starts something. */
  readonly protocol: SshStreamProtocol | null;
  /** What else an approval is bound to, and the record does not show. */
  readonly secret: string | null;
  /** Too frequent and too harmless for a record of its own when it is allowed. */
  readonly isQuiet: boolean;
  /** It follows from what was judged before: who approves that approves this. */
  readonly isConsequence: boolean;
  /** What it is called in sentences. */
  readonly noun: string;
}

/** Longest text of a request in the record, characters; an approval is bound to all of it. */
export const maxRecordedText = 65_536;

const raw: SshStreamProtocol = { name: 'raw' };
const nothing = { commands: [], opaque: [], destructive: [], files: [], destination: null, variables: [] };
const meant = { protocol: null, secret: null, isQuiet: false, isConsequence: false, noun: 'request' };

/** Says what a request means. Pure; never throws. */
export function understandSsh(request: SshRequest): SshMeaning {
  switch (request.kind) {
    case 'shell':
      return { ...meant, text: 'shell', facts: factsOf('shell', 'shell'), protocol: raw, noun: 'shell' };
    case 'exec':
      return understandExec(request.command);
    case 'subsystem':
      return understandSubsystem(request.name);
    case 'env': {
      const facts = { ...factsOf('env', 'env'), variables: [request.variable] };
      return {
        ...meant,
        text: `env ${request.variable}`,
        facts,
        secret: request.value,
        isQuiet: true,
        noun: 'variable',
      };
    }
    case 'auth-agent':
      return { ...meant, text: 'auth-agent', facts: factsOf('auth-agent', 'agent forwarding') };
    case 'x11':
      return { ...meant, text: 'x11', facts: factsOf('x11', 'X11 forwarding') };
    case 'incoming-auth-agent':
      return incoming('auth-agent', 'agent forwarding', 'auth-agent: the target uses the agent');
    case 'incoming-x11':
      return incoming('x11', 'X11 forwarding', 'x11: the target uses the display');
    case 'file':
      return { ...meant, ...describeFile(request), noun: 'file operation' };
    case 'direct-tcpip':
    case 'direct-streamlocal':
    case 'forwarded-tcpip':
    case 'forwarded-streamlocal':
      return understandForward(request);
  }
}

/** What a typed line means, as far as it was seen. */
export function understandTyped(line: string): SshMeaning {
  const { commands, files, opaque, destructive } = analyseShell(line);
  const command = commands[0]?.program ?? 'the line';
  const facts = { ...factsOf('input', command), commands, files, opaque, destructive };
  return { ...meant, text: line, facts, noun: 'line' };
}

function factsOf(kind: SshKind, command: string, more: readonly SshKind[] = []): SshFacts {
  return { kind, command, kinds: [kind, ...more], ...nothing };
}

function incoming(kind: SshKind, command: string, text: string): SshMeaning {
  return { ...meant, text, facts: factsOf(kind, command), isConsequence: true };
}

/** scp, rsync, git and sftp are known by the exact form that they send; everything else is a shell text. */
function understandExec(text: string): SshMeaning {
  const exec = classifyExec(text);
  const { commands, files, opaque, destructive } = analyseShell(text);
  if (exec.kind === 'exec') {
    const command = commands[0]?.program ?? 'the command';
    const facts = { ...factsOf('exec', command), commands, files, opaque, destructive };
    return { ...meant, text, facts, protocol: raw, noun: 'command' };
  }
  const moved = filesOfExec(exec);
  const removes = exec.kind === 'rsync' && exec.isRemoving;
  const more = new Set<SshKind>(exec.kind === 'scp' || exec.kind === 'sftp' ? [] : moved.map(kindOfFile));
  if (removes) more.add('file-change');
  const facts: SshFacts = {
    ...factsOf(exec.kind, exec.kind, [...more]),
    commands,
    files: removes ? [...moved, ...moved.map((file) => ({ ...file, direction: 'change' as const }))] : moved,
    destructive: removes ? ['rsync removes files that the other side does not have.'] : [],
  };
  return { ...meant, text, facts, protocol: protocolOf(exec), noun: 'command' };
}

const kindOfFile = ({ direction }: FileAccess): SshKind => (direction === 'upload' ? 'file-write' : 'file-read');

function protocolOf(exec: ReturnType<typeof classifyExec>): SshStreamProtocol {
  if (exec.kind === 'sftp') return { name: 'sftp' };
  if (exec.kind !== 'scp') return raw;
  const paths = exec.path === null ? [] : [exec.path];
  return { name: 'scp', mode: exec.direction === 'upload' ? 'sink' : 'source', paths, isFolder: exec.isFolder };
}

function understandSubsystem(name: string): SshMeaning {
  if (name === 'sftp') {
    return { ...meant, text: 'subsystem sftp', facts: factsOf('sftp', 'sftp'), protocol: { name: 'sftp' } };
  }
  const facts = factsOf('subsystem', `the subsystem ${name}`);
  return { ...meant, text: `subsystem ${name}`, facts, protocol: raw };
}

type ForwardRequest = Extract<SshRequest, { destination: unknown }>;

function understandForward(request: ForwardRequest): SshMeaning {
  const { kind, destination } = request;
  const name = destinationName(destination);
  const isBack = 'isListening' in request;
  const what = isBack ? (request.isListening ? 'listen at' : 'from') : 'to';
  const facts = { ...factsOf(kind, kind), destination };
  const isConsequence = isBack && !request.isListening;
  return { ...meant, text: `${kind} ${what} ${name}`, facts, isConsequence, noun: 'forward' };
}
