import { FieldReader } from '../field-reader.ts';
import { FieldWriter } from '../field-writer.ts';
import { packetType, sftpVersion } from './packet.ts';

/** Extensions of sftp that are understood, with the version of each (OpenSSH's PROTOCOL, section 4). */
export const sftpExtensions = {
  'posix-rename@openssh.com': '1',
  'statvfs@openssh.com': '2',
  'fstatvfs@openssh.com': '2',
  'hardlink@openssh.com': '1',
  'fsync@openssh.com': '1',
  'lsetstat@openssh.com': '1',
  'limits@openssh.com': '1',
  'expand-path@openssh.com': '1',
  'copy-data': '1',
  'home-directory': '1',
  'users-groups-by-id@openssh.com': '1',
} as const;
export type SftpExtension = keyof typeof sftpExtensions;

/** Is it an extended request that is understood? */
export const isSftpExtension = (name: string): name is SftpExtension => Object.hasOwn(sftpExtensions, name);

const maxExtensions = 100;

/** A server's VERSION with the extensions that are understood. @throws WeirError protocol_violation */
export function filterVersion(packet: Buffer): { readonly version: number; readonly bytes: Buffer } {
  const fields = new FieldReader(packet, 5);
  const version = fields.uint32();
  const writer = new FieldWriter(512).byte(packetType.version).uint32(sftpVersion);
  for (let count = 0; fields.left > 0 && count < maxExtensions; count++) {
    const name = fields.bytes().toString('latin1');
    const value = fields.bytes();
    if (isSftpExtension(name) && value.toString('latin1') === sftpExtensions[name]) writer.text(name).bytes(value);
  }
  return { version, bytes: writer.take() };
}
