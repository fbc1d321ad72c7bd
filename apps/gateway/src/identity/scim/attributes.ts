/** An attribute as RFC 7643 section 7 describes one. */
export interface Attribute {
  readonly name: string;
  /** `complex` has parts; `many` is a list of values with parts. */
  readonly kind: 'string' | 'boolean' | 'dateTime' | 'reference' | 'complex' | 'many';
  readonly description: string;
  readonly isRequired?: boolean;
  readonly isReadOnly?: boolean;
  /** Compared with case; without it, as people write names. */
  readonly isCaseExact?: boolean;
  readonly isUnique?: boolean;
  readonly parts?: readonly Attribute[];
}

/** A kind of resource: its schemas, and the names that are known but not kept. */
export interface ResourceKind {
  readonly name: 'User' | 'Group';
  readonly endpoint: '/Users' | '/Groups';
  readonly urn: string;
  readonly description: string;
  readonly attributes: readonly Attribute[];
  /** Attributes of RFC 7643 that a gate has no use for: they are accepted and not stored. */
  readonly ignored: ReadonlySet<string>;
}

/** A resource as it is sent and received, with names as the schemas write them. */
export type ScimDocument = Readonly<Record<string, unknown>>;

export const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const groupUrn = 'urn:ietf:params:scim:schemas:core:2.0:Group';
export const enterpriseUrn = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const text = (name: string, description: string, more: Partial<Attribute> = {}): Attribute => ({
  ...{ name, kind: 'string', description },
  ...more,
});

/** Attributes that all resources have; RFC 7643 section 3.1. */
const common: readonly Attribute[] = [
  text('id', 'Id of the resource at the gateway', { isReadOnly: true, isCaseExact: true, isUnique: true }),
  text('externalId', 'Id of the resource at the directory', { isCaseExact: true }),
  {
    ...{ name: 'meta', kind: 'complex', description: 'About the resource', isReadOnly: true },
    parts: [
      text('resourceType', 'Kind of the resource', { isReadOnly: true, isCaseExact: true }),
      { name: 'created', kind: 'dateTime', description: 'When it was made', isReadOnly: true },
      { name: 'lastModified', kind: 'dateTime', description: 'When it was changed last', isReadOnly: true },
      text('version', 'Its entity tag', { isReadOnly: true, isCaseExact: true }),
      { name: 'location', kind: 'reference', description: 'Its address', isReadOnly: true },
    ],
  },
];

/** The extension for enterprises, as far as it is kept. */
export const enterprise: Attribute = {
  ...{ name: enterpriseUrn, kind: 'complex', description: 'Enterprise user' },
  parts: [
    text('employeeNumber', 'Number of the person in the organization'),
    text('department', 'Department of the person'),
  ],
};

export const userKind: ResourceKind = {
  ...{ name: 'User', endpoint: '/Users', urn: userUrn, description: 'Accounts that the directory provisions' },
  attributes: [
    ...common,
    text('userName', 'Name of the person at the directory', { isRequired: true, isUnique: true }),
    text('displayName', 'Name of the person as it is shown'),
    text('title', 'Title of the person'),
    text('userType', 'Relation of the person to the organization'),
    {
      ...{ name: 'name', kind: 'complex', description: 'Parts of the name' },
      parts: [text('formatted', 'Whole name'), text('familyName', 'Family name'), text('givenName', 'Given name')],
    },
    { name: 'active', kind: 'boolean', description: 'False ends sessions and sign-ins of the person' },
    {
      ...{ name: 'emails', kind: 'many', description: 'E-mail addresses' },
      parts: [
        text('value', 'Address'),
        text('display', 'Address as it is shown'),
        text('type', 'work, home or other'),
        { name: 'primary', kind: 'boolean', description: 'The address that is used' },
      ],
    },
    {
      ...{ name: 'groups', kind: 'many', description: 'Groups of the person', isReadOnly: true },
      parts: [
        text('value', 'Id of the group', { isReadOnly: true, isCaseExact: true }),
        { name: '$ref', kind: 'reference', description: 'Address of the group', isReadOnly: true },
        text('display', 'Name of the group', { isReadOnly: true }),
      ],
    },
    enterprise,
  ],
  ignored: new Set(
    `nickname profileurl preferredlanguage locale timezone password phonenumbers ims photos addresses entitlements
    roles x509certificates middlename honorificprefix honorificsuffix costcenter organization division manager`.split(
      /\s+/,
    ),
  ),
};

export const groupKind: ResourceKind = {
  ...{ name: 'Group', endpoint: '/Groups', urn: groupUrn, description: 'Groups that policy knows by their name' },
  attributes: [
    ...common,
    text('displayName', 'Name of the group', { isRequired: true, isUnique: true }),
    {
      ...{ name: 'members', kind: 'many', description: 'People in the group' },
      parts: [
        text('value', 'Id of the user', { isCaseExact: true }),
        { name: '$ref', kind: 'reference', description: 'Address of the user' },
        text('display', 'Name of the user'),
        text('type', 'Always User'),
      ],
    },
  ],
  ignored: new Set(),
};

/** An attribute by its name in any case. */
export function attributeOf(attributes: readonly Attribute[], name: string): Attribute | undefined {
  const wanted = name.toLowerCase();
  return attributes.find((attribute) => attribute.name.toLowerCase() === wanted);
}

/** The document with names as the schema writes them; what it does not know or nobody may set is left out. */
export function canonical(body: ScimDocument, attributes: readonly Attribute[]): ScimDocument {
  const found = Object.entries(body).flatMap(([name, value]): [string, unknown][] => {
    const attribute = attributeOf(attributes, name);
    if (attribute === undefined || attribute.isReadOnly === true || value === null) return [];
    return [[attribute.name, canonicalValue(value, attribute)]];
  });
  return Object.fromEntries(found);
}

/** A value of an attribute in the same way. */
export function canonicalValue(value: unknown, { kind, parts = [] }: Attribute): unknown {
  if (kind === 'complex') return isObject(value) ? canonical(value, parts) : value;
  if (kind !== 'many') return value;
  return [value].flat().map((item) => (isObject(item) ? canonical(item, parts) : item));
}

/** Is it a JSON object? */
export function isObject(value: unknown): value is ScimDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
