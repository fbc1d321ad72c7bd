import { type SshRequest, understandSsh, understandTyped } from '@weir/gate';
import type { SshCase, SshStatement } from '@weir/policy';

/** What the agent would judge if somebody did what the case says. A file lies where it is named: no target is asked. */
export function sshStatementOf(asked: SshCase): SshStatement {
  const { login, terminal } = asked;
  const { text, facts } = asked.typed === undefined ? understandSsh(requestOf(asked)) : understandTyped(asked.typed);
  const content = asked.content ?? [];
  const files = facts.files.map((file) => ({ ...file, content }));
  return { text, login, terminal, facts: { ...facts, files } };
}

function requestOf(asked: SshCase): SshRequest {
  const { terminal } = asked;
  if (asked.exec !== undefined) return { kind: 'exec', command: asked.exec, terminal };
  if (asked.subsystem !== undefined) return { kind: 'subsystem', name: asked.subsystem, terminal };
  if (asked.env !== undefined) return { kind: 'env', variable: asked.env, value: '' };
  if (asked.agent !== undefined) return { kind: 'auth-agent' };
  if (asked.x11 !== undefined) return { kind: 'x11' };
  if (asked.forward !== undefined) return forwardOf(asked.forward);
  if (asked.listen !== undefined) return listenOf(asked.listen);
  const size = asked.size ?? null;
  if (asked.get !== undefined) return fileOf(asked.get, 'open', 'download', size);
  if (asked.put !== undefined) return fileOf(asked.put, 'open', 'upload', size);
  if (asked.list !== undefined) return fileOf(asked.list, 'list', 'list', null);
  if (asked.remove !== undefined) return fileOf(asked.remove, 'remove', 'change', null);
  return { kind: 'shell', terminal };
}

type FileRequest = Extract<SshRequest, { kind: 'file' }>;

function fileOf(
  path: string,
  operation: FileRequest['operation'],
  direction: FileRequest['direction'],
  size: number | null,
): SshRequest {
  const absolutePath = path.startsWith('/') ? path : null;
  const where = { path, absolutePath, to: null, absoluteTo: null };
  return { kind: 'file', protocol: 'sftp', within: null, operation, direction, ...where, size };
}

/** `host:port` (IPv6 in brackets) or the path of a socket. */
function placeOf(text: string): { readonly host: string; readonly port: number } | { readonly path: string } {
  const found = /^\[?(.*?)\]?:(\d+)$/.exec(text);
  return found === null ? { path: text } : { host: found[1] ?? '', port: Number(found[2]) };
}

function forwardOf(text: string): SshRequest {
  const destination = placeOf(text);
  return { kind: 'path' in destination ? 'direct-streamlocal' : 'direct-tcpip', destination };
}

function listenOf(text: string): SshRequest {
  const destination = placeOf(text);
  const kind = 'path' in destination ? 'forwarded-streamlocal' : 'forwarded-tcpip';
  return { kind, isListening: true, destination };
}
