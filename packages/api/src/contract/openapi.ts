import { catalogue, type ErrorCode } from '@weir/errors';
import { z } from 'zod';
import { type RouteName, routes } from '../routes.ts';
import { nameSchema, problemSchema } from '../schemas.ts';
import { type Components, createComponents, type JsonSchema } from './components.ts';
import { contract } from './contract.ts';
import { codesOf, isList, type RouteContract } from './route-contract.ts';
import { etagHeader, versionParameters } from './version-headers.ts';

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument extends Record<string, unknown> {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
}

/** Makes the OpenAPI document of the API. `version` is the gateway's; `closed`: see createComponents. */
export function createOpenApi({
  version,
  closed = false,
}: {
  readonly version: string;
  readonly closed?: boolean;
}): OpenApiDocument {
  const components = createComponents({ closed });
  const paths: Record<string, Record<string, Record<string, unknown>>> = {};
  for (const name of Object.keys(contract) as RouteName[]) {
    const [method = '', template = ''] = routes[name].split(' ');
    const path = template.replace(/:([a-zA-Z]+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: operationOf(name, [method, template], contract[name], components),
    };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Weir',
      version,
      description:
        'The API of the Weir gateway. Every error is problem details (RFC 9457) with a code of docs/errors.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: {
          ...{ type: 'http', scheme: 'DPoP' },
          description:
            "An access token of the gateway's authorization server, with a proof in the header DPoP (RFC 9449).",
        },
      },
      schemas: components.used(),
    },
  };
}

function operationOf(
  name: RouteName,
  [method, template]: readonly [string, string],
  route: RouteContract,
  components: Components,
) {
  const { summary, needs, query, body } = route;
  const parameters = [
    ...pathParameters(template, route, components),
    ...queryParameters(query, components),
    ...versionParameters(route),
    ...(isIdempotent(method, route) ? [idempotencyParameter] : []),
  ];
  const { data } = body?.safeParse({}) ?? {};
  return {
    operationId: name,
    summary,
    'x-weir-needs': needs,
    ...(needs === 'public' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: data === undefined, content: json(components.input(body)) } }),
    responses: { ...successesOf(route, components), ...problemsOf(allCodesOf(method, route), components) },
  };
}

const idempotencyParameter = {
  name: 'idempotency-key',
  in: 'header',
  description:
    'Random, new for each thing that is to be done: the same request with the same key is carried out once within 24 h.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

function isIdempotent(method: string, { needs }: RouteContract): boolean {
  return method === 'POST' && needs !== 'public';
}

function allCodesOf(method: string, route: RouteContract): ErrorCode[] {
  const more = isIdempotent(method, route) ? (['conflict', 'idempotency_key_reused'] as const) : [];
  return [...new Set([...codesOf(route), ...more])];
}

function pathParameters(template: string, { params = {} }: RouteContract, components: Components) {
  return [...template.matchAll(/:([a-zA-Z]+)/g)].map(([, name = '']) => {
    const schema = params[name] ?? (name === 'name' ? nameSchema : z.string().min(1).max(200));
    return { name, in: 'path', required: true, schema: components.input(schema) };
  });
}

function queryParameters(query: z.ZodObject | undefined, components: Components) {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: !schema.safeParse(undefined).success,
    schema: components.input(schema),
  }));
}

const linkHeader = {
  link: {
    description: 'The next page, if there is one: `</api/v1/…?cursor=…>; rel="next"` (RFC 8288).',
    schema: { type: 'string' },
  },
};

function successesOf(route: RouteContract, components: Components) {
  const headers = isList(route) ? linkHeader : etagHeader(route);
  const success = { ...successOf(route, components), ...(headers && { headers }) };
  const notModified = headers && { description: 'The version that if-none-match names is still the newest.', headers };
  return { [route.status]: success, ...(route.versioned === 'read' ? { 304: notModified } : {}) };
}

function successOf({ answer }: RouteContract, components: Components) {
  const description = 'Done.';
  if (answer === undefined) return { description };
  if (answer === 'bytes') return { description, content: { 'application/octet-stream': {} } };
  if ('lines' in answer) {
    return { description, content: { 'application/x-ndjson': { schema: components.output(answer.lines) } } };
  }
  return { description, content: json(components.output(answer)) };
}

const retryAfter = {
  'retry-after': { description: 'Seconds to wait, with `rate_limited`.', schema: { type: 'integer', minimum: 1 } },
};

/** Answers of the codes, by status. */
function problemsOf(codes: readonly ErrorCode[], components: Components): Record<string, unknown> {
  const byStatus = Map.groupBy(codes, (code) => problemStatus(code));
  const problem = components.output(problemSchema);
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => {
      const schema = { allOf: [problem, { properties: { code: { enum: ofStatus } } }] };
      const description = ofStatus.map((code) => catalogue[code].title).join(', or ');
      const headers = status === 429 ? { headers: retryAfter } : {};
      return [String(status), { description, ...headers, content: { 'application/problem+json': { schema } } }];
    }),
  );
}

/** HTTP status of a code in the API: the 202 of the catalogue is for other protocols, an error of the API is never a success. */
export function problemStatus(code: ErrorCode): number {
  const { httpStatus } = catalogue[code];
  return httpStatus >= 400 ? httpStatus : 409;
}

function json(schema: JsonSchema) {
  return { 'application/json': { schema } };
}
