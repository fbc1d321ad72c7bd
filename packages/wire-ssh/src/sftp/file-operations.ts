import { FieldReader, tryUtf8, violation } from '../field-reader.ts';
import { maxPathBytes, parentOf, resolvePath } from '../posix-path.ts';
import type { FileRequest } from '../ssh-request.ts';
import { readAttributes } from './attributes.ts';
import type { SftpExtension } from './extensions.ts';
import { packetType } from './packet.ts';

/** Bits of OPEN's pflags (draft-ietf-secsh-filexfer-02, section 6.3). */
const openFlag = { read: 1, write: 2, append: 4, create: 8, truncate: 0x10, exclusive: 0x20 } as const;
const noFlags = { truncates: false, appends: false, isExclusive: false };

/** In what a path is resolved, and what it belongs to. */
export interface OperationContext {
  readonly within: unknown;
  /** The folder in which the server resolves paths; null = not known. */
  readonly folder: string | null;
}

/** @throws WeirError protocol_violation unless it is UTF-8 without NUL, of a path's length */
function readPath(fields: FieldReader): string {
  const bytes = fields.bytes();
  if (bytes.length > maxPathBytes) throw violation(`a path of ${bytes.length} bytes`);
  const path = tryUtf8(bytes);
  if (path === undefined) throw violation('a path that is not UTF-8');
  if (path.includes('\0')) throw violation('a path with a NUL');
  return path;
}

class Operation {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  of(operation: FileRequest['operation'], path: string, more: Partial<FileRequest> = {}): FileRequest {
    const { within, folder } = this.#context;
    return {
      ...{ kind: 'file', protocol: 'sftp', within, operation, path },
      direction: 'change',
      absolutePath: resolvePath(path, folder),
      isPathKnown: true,
      ...{ realPath: null, realTo: null },
      ...{ to: null, absoluteTo: null, size: null, mode: null, flags: noFlags },
      ...more,
    };
  }

  /** From one path to another. */
  pair(operation: FileRequest['operation'], from: string, to: string, toFolder = this.#context.folder): FileRequest {
    return this.of(operation, from, { to, absoluteTo: resolvePath(to, toFolder) });
  }

  /** OpenSSH sends what the link leads to first, against the draft, and so does everybody. */
  symlink(leadsTo: string, link: string): FileRequest {
    const at = resolvePath(link, this.#context.folder);
    return this.pair('symlink', link, leadsTo, at === null ? null : parentOf(at));
  }
}

/**
 * What a packet of the client asks to do with a path; undefined = it names none. `packet` is whole; `fields` stand behind its id.
 * @throws WeirError protocol_violation
 */
export function readOperation(type: number, fields: FieldReader, context: OperationContext): FileRequest | undefined {
  const make = new Operation(context);
  switch (type) {
    case packetType.open:
      return readOpen(fields, make);
    case packetType.opendir:
      return make.of('list', readPath(fields), { direction: 'list' });
    case packetType.lstat:
    case packetType.stat:
      return make.of('stat', readPath(fields), { direction: 'list' });
    case packetType.realpath:
      return make.of('realpath', readPath(fields), { direction: 'list' });
    case packetType.readlink:
      return make.of('readlink', readPath(fields), { direction: 'list' });
    case packetType.setstat:
      return readSetstat(fields, make);
    case packetType.remove:
      return make.of('remove', readPath(fields));
    case packetType.rmdir:
      return make.of('rmdir', readPath(fields));
    case packetType.mkdir: {
      const path = readPath(fields);
      return make.of('mkdir', path, { mode: readAttributes(fields).mode });
    }
    case packetType.rename: {
      const from = readPath(fields);
      return make.pair('rename', from, readPath(fields));
    }
    case packetType.symlink: {
      const leadsTo = readPath(fields);
      return make.symlink(leadsTo, readPath(fields));
    }
    default:
      return undefined;
  }
}

/** The same of an extended request, whose name is read already. @throws WeirError protocol_violation */
export function readExtendedOperation(
  name: SftpExtension,
  fields: FieldReader,
  context: OperationContext,
): FileRequest | undefined {
  const make = new Operation(context);
  switch (name) {
    case 'posix-rename@openssh.com': {
      const from = readPath(fields);
      return make.pair('rename', from, readPath(fields));
    }
    case 'hardlink@openssh.com': {
      const from = readPath(fields);
      return make.pair('hardlink', from, readPath(fields));
    }
    case 'statvfs@openssh.com':
      return make.of('statvfs', readPath(fields), { direction: 'list' });
    case 'lsetstat@openssh.com':
      return readSetstat(fields, make);
    case 'expand-path@openssh.com':
      return readTilde(readPath(fields), make, context.folder);
    case 'home-directory':
      return readTilde(`~${readPath(fields)}`, make, null);
    default:
      return undefined;
  }
}

/** A copy between two open files (copy-data). */
export function copyOperation(
  from: FileRequest,
  to: FileRequest,
  size: number,
  context: OperationContext,
): FileRequest {
  return {
    ...new Operation(context).pair('copy', from.path, to.path),
    ...{ realPath: from.realPath, realTo: to.realPath, size: size === 0 ? null : size },
  };
}

/** `~` and `~/PATH` lie in the folder in which the server begins; other homes are not known. */
function readTilde(path: string, make: Operation, folder: string | null): FileRequest {
  if (!path.startsWith('~')) return make.of('realpath', path, { direction: 'list' });
  const isOwn = path === '~' || path.startsWith('~/');
  return make.of('realpath', path, {
    direction: 'list',
    absolutePath: isOwn && folder !== null ? resolvePath(`.${path.slice(1)}`, folder) : null,
  });
}

function readOpen(fields: FieldReader, make: Operation): FileRequest {
  const path = readPath(fields);
  const flags = fields.uint32();
  if (flags > 0x3f) throw violation('OPEN with unknown flags');
  const has = (flag: number) => (flags & flag) !== 0;
  const { read, write, append, create, truncate, exclusive } = openFlag;
  const writes = has(write) || has(append) || has(create) || has(truncate);
  // Without WRITE, servers open for reading.
  const reads = has(read) || !has(write);
  const { mode } = readAttributes(fields);
  return make.of('open', path, {
    direction: reads && writes ? 'both' : writes ? 'upload' : 'download',
    mode,
    flags: { truncates: has(truncate), appends: has(append), isExclusive: has(exclusive) && has(create) },
  });
}

function readSetstat(fields: FieldReader, make: Operation): FileRequest {
  const path = readPath(fields);
  const { size, mode } = readAttributes(fields);
  return make.of('setstat', path, { size, mode });
}
