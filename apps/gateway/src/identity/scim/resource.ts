import { createHash } from 'node:crypto';
import type { ResourceKind, ScimDocument } from './attributes.ts';
import { ScimRefusal } from './scim-refusal.ts';

/** A resource as it is sent. */
export interface Resource extends ScimDocument {
  readonly id: string;
  readonly meta: {
    readonly resourceType: string;
    readonly created: string;
    readonly lastModified: string;
    readonly location: string;
    /** Entity tag (RFC 7232): changes with everything that the resource shows. */
    readonly version: string;
  };
}

/** Puts id, schemas and meta to what a resource says. `base` is the address of the SCIM service. */
export function resourceOf(
  kind: ResourceKind,
  base: string,
  row: { readonly id: string; readonly created_at: Date; readonly changed_at: Date },
  document: ScimDocument,
): Resource {
  const extensions = Object.keys(document).filter((name) => name.startsWith('urn:'));
  const shown = { schemas: [kind.urn, ...extensions], id: row.id, ...document };
  const hash = createHash('sha256')
    .update(JSON.stringify([shown, row.changed_at]))
    .digest('base64url');
  return {
    ...shown,
    meta: {
      resourceType: kind.name,
      created: row.created_at.toISOString(),
      lastModified: row.changed_at.toISOString(),
      location: `${base}${kind.endpoint}/${row.id}`,
      version: `W/"${hash.slice(0, 22)}"`,
    },
  };
}

/** Checks what a client expects to change (If-Match). @throws ScimRefusal 412. */
export function requireVersion(ifMatch: string | undefined, { meta }: Resource): void {
  if (ifMatch === undefined || hasTag(ifMatch, meta.version)) return;
  throw new ScimRefusal(412, undefined, 'The resource has changed since it was read. Read it again.');
}

/** Is the tag one of a header's list (`*` is all)? Weak ones are compared weakly. */
export function hasTag(header: string, tag: string): boolean {
  const opaque = (text: string): string => text.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((one) => opaque(one) === opaque(tag));
}
