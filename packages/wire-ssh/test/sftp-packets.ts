import { FieldWriter } from '../src/field-writer.ts';

type Field = number | string | Buffer | bigint | readonly [string, string];

/** Packets of sftp: numbers are uint32, bigints uint64, texts and buffers strings. Attributes are written as numbers. */
export function packet(type: number, ...fields: readonly Field[]): Buffer {
  const writer = new FieldWriter().byte(type);
  for (const field of fields) {
    if (typeof field === 'number') writer.uint32(field);
    else if (typeof field === 'bigint') writer.uint64(Number(field));
    else if (typeof field === 'string') writer.text(field);
    else if (Buffer.isBuffer(field)) writer.bytes(field);
    else writer.text(field[0]).text(field[1]);
  }
  return writer.take();
}

/** No attributes. */
const bare = 0;

/** What a client sends. */
export const ask = {
  init: (version = 3) => packet(1, version),
  open: (id: number, path: string, flags: number, ...attributes: number[]) =>
    packet(3, id, path, flags, ...(attributes.length === 0 ? [bare] : attributes)),
  get: (id: number, path: string) => packet(3, id, path, 1, bare),
  put: (id: number, path: string) => packet(3, id, path, 0x1a, 4, 0o100644),
  close: (id: number, handle: string) => packet(4, id, handle),
  read: (id: number, handle: string, offset: number, length: number) => packet(5, id, handle, BigInt(offset), length),
  write: (id: number, handle: string, offset: number, data: string | Buffer) =>
    packet(6, id, handle, BigInt(offset), data),
  lstat: (id: number, path: string) => packet(7, id, path),
  fstat: (id: number, handle: string) => packet(8, id, handle),
  setstat: (id: number, path: string, mode: number) => packet(9, id, path, 4, mode),
  fsetstat: (id: number, handle: string, mode: number) => packet(10, id, handle, 4, mode),
  truncate: (id: number, handle: string, size: number) => packet(10, id, handle, 1, BigInt(size)),
  opendir: (id: number, path: string) => packet(11, id, path),
  readdir: (id: number, handle: string) => packet(12, id, handle),
  remove: (id: number, path: string) => packet(13, id, path),
  mkdir: (id: number, path: string) => packet(14, id, path, bare),
  rmdir: (id: number, path: string) => packet(15, id, path),
  realpath: (id: number, path: string) => packet(16, id, path),
  stat: (id: number, path: string) => packet(17, id, path),
  rename: (id: number, from: string, to: string) => packet(18, id, from, to),
  readlink: (id: number, path: string) => packet(19, id, path),
  symlink: (id: number, leadsTo: string, link: string) => packet(20, id, leadsTo, link),
  extended: (id: number, name: string, ...fields: readonly Field[]) => packet(200, id, name, ...fields),
};

/** What a server sends. */
export const answer = {
  version: (version = 3, ...extensions: (readonly [string, string])[]) => packet(2, version, ...extensions),
  status: (id: number, code: number, message = '') => packet(101, id, code, message, ''),
  handle: (id: number, handle: string) => packet(102, id, handle),
  data: (id: number, data: string | Buffer) => packet(103, id, data),
  name: (id: number, path: string) => packet(104, id, 1, path, path, bare),
  size: (id: number, size: number) => packet(105, id, 1, BigInt(size)),
  extended: (id: number, ...fields: readonly Field[]) => packet(201, id, ...fields),
};

/** Packets in bytes, one line each: type, id, and the code and message of a status. */
export function packetsOf(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes[at + 4] ?? -1;
    const id = bytes.readUInt32BE(at + 5);
    if (type === 101) {
      const message = bytes.readUInt32BE(at + 13);
      lines.push(
        `status ${id} ${bytes.readUInt32BE(at + 9)} ${bytes.toString('utf8', at + 17, at + 17 + message)}`.trim(),
      );
    } else lines.push(`${type} ${id}`);
    at += 4 + length;
  }
  return lines;
}
