import { type Attribute, enterprise, enterpriseUrn, groupKind, type ResourceKind, userKind } from './attributes.ts';
import { maxPage } from './list.ts';

const schemaUrn = 'urn:ietf:params:scim:schemas:core:2.0:';

/** What the service can do (RFC 7643 section 5). */
export function serviceProviderConfig(base: string): object {
  return {
    schemas: [`${schemaUrn}ServiceProviderConfig`],
    patch: { supported: true },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: maxPage },
    changePassword: { supported: false },
    sort: { supported: false },
    etag: { supported: true },
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'Bearer token',
        description: 'The token that the configuration of the gateway refers to',
        primary: true,
      },
    ],
    meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
  };
}

/** The kinds of resources (RFC 7643 section 6). */
export function resourceTypes(base: string): { readonly id: string }[] {
  return [userKind, groupKind].map((kind) => ({
    schemas: [`${schemaUrn}ResourceType`],
    id: kind.name,
    name: kind.name,
    endpoint: kind.endpoint,
    description: kind.description,
    schema: kind.urn,
    ...(kind === userKind ? { schemaExtensions: [{ schema: enterpriseUrn, required: false }] } : {}),
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${kind.name}` },
  }));
}

/** The schemas (RFC 7643 section 7). Common attributes belong to none of them. */
export function schemas(base: string): { readonly id: string }[] {
  const schema = (id: string, name: string, description: string, attributes: readonly Attribute[]) => ({
    schemas: [`${schemaUrn}Schema`],
    id,
    name,
    description,
    attributes: attributes.map(definitionOf),
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${id}` },
  });
  const own = ({ attributes }: ResourceKind) =>
    attributes.filter(({ name }) => !['id', 'externalId', 'meta', enterpriseUrn].includes(name));
  return [
    ...[userKind, groupKind].map((kind) => schema(kind.urn, kind.name, kind.description, own(kind))),
    schema(enterpriseUrn, 'EnterpriseUser', enterprise.description, enterprise.parts ?? []),
  ];
}

function definitionOf({ name, kind, description, parts, ...more }: Attribute): object {
  return {
    name,
    type: kind === 'many' ? 'complex' : kind,
    multiValued: kind === 'many',
    description,
    required: more.isRequired ?? false,
    caseExact: more.isCaseExact ?? false,
    mutability: more.isReadOnly === true ? 'readOnly' : 'readWrite',
    returned: 'default',
    uniqueness: more.isUnique === true ? 'server' : 'none',
    ...(kind === 'reference' ? { referenceTypes: [name === 'location' ? 'uri' : 'User'] } : {}),
    ...(parts === undefined ? {} : { subAttributes: parts.map(definitionOf) }),
  };
}
