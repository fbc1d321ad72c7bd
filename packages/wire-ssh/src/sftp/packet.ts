import { FieldWriter } from '../field-writer.ts';

/** Types of sftp's packets (draft-ietf-secsh-filexfer-02, section 3). */
export const packetType = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

/** Codes of a STATUS (section 7). */
export const statusCode = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const;

const statusNames: Readonly<Record<number, string>> = {
  2: 'no such file',
  3: 'permission denied',
  4: 'failure',
  5: 'bad message',
  6: 'no connection',
  7: 'connection lost',
  8: 'operation not supported',
};

/** The version that is spoken. */
export const sftpVersion = 3;

/** What a status means when the server says no more. */
export const nameOfStatus = (code: number): string => statusNames[code] ?? `status ${code}`;

export const encodeStatus = (id: number, code: number, message: string): Buffer =>
  new FieldWriter(32 + message.length).byte(packetType.status).uint32(id).uint32(code).text(message).text('').take();

export const encodeInit = (): Buffer => new FieldWriter(16).byte(packetType.init).uint32(sftpVersion).take();

export const encodeRealpath = (id: number, path: string): Buffer =>
  new FieldWriter(32).byte(packetType.realpath).uint32(id).text(path).take();
