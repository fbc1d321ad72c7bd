import { type FieldReader, violation } from '../field-reader.ts';

/** What an ATTRS says, as far as it is looked at (draft-ietf-secsh-filexfer-02, section 5). */
export interface Attributes {
  readonly size: number | null;
  /** Type and permission bits. */
  readonly mode: number | null;
}

const hasSize = 0x1;
const hasOwner = 0x2;
const hasMode = 0x4;
const hasTimes = 0x8;
const hasExtended = 0x8000_0000;
const known = hasSize | hasOwner | hasMode | hasTimes | hasExtended;
const maxExtended = 64;

/** @throws WeirError protocol_violation */
export function readAttributes(fields: FieldReader): Attributes {
  const flags = fields.uint32();
  if ((flags & ~known) !== 0) throw violation('attributes with unknown flags');
  const size = (flags & hasSize) === 0 ? null : fields.uint64();
  if ((flags & hasOwner) !== 0) {
    fields.uint32();
    fields.uint32();
  }
  const mode = (flags & hasMode) === 0 ? null : fields.uint32();
  if ((flags & hasTimes) !== 0) {
    fields.uint32();
    fields.uint32();
  }
  if ((flags & hasExtended) !== 0) {
    const count = fields.uint32();
    if (count > maxExtended) throw violation(`${count} extended attributes`);
    for (let i = 0; i < 2 * count; i++) fields.bytes();
  }
  return { size, mode };
}
