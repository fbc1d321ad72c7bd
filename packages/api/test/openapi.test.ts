import { Validator } from '@seriousme/openapi-schema-validator';
import { codesOf, contract, createOpenApi, type RouteName, routes } from '@weir/api';
import { catalogue } from '@weir/errors';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createComponents } from '../src/contract/components.ts';

const document = createOpenApi({ version: '1.2.3' });
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ address: `${method.toUpperCase()} ${path}`, operation })),
);

describe('the OpenAPI document', () => {
  test.each([false, true])('is valid OpenAPI 3.1 (closed: %s)', async (closed) => {
    const made = createOpenApi({ version: '1.2.3', closed });
    const validator = new Validator();
    const result = await validator.validate(structuredClone(made));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  test('has every route of the table and no other', () => {
    const table = Object.values(routes).map((route) => route.replace(/:([a-zA-Z]+)/g, '{$1}'));
    expect(operations.map(({ address }) => address).sort()).toEqual(table.sort());
    expect(Object.keys(contract).sort()).toEqual(Object.keys(routes).sort());
  });

  test('names only components that it has, and has none that nothing names', () => {
    const text = JSON.stringify(document);
    const named = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    const { schemas } = document['components'] as { schemas: Record<string, unknown> };
    expect([...new Set(named)].sort()).toEqual(Object.keys(schemas).sort());
  });

  test('asks for a token wherever the contract does, and says what the caller needs', () => {
    for (const { operation } of operations) {
      const { needs } = contract[operation['operationId'] as RouteName];
      expect([operation['operationId'], operation['x-weir-needs'], operation['security']]).toEqual([
        operation['operationId'],
        needs,
        needs === 'public' ? [] : undefined,
      ]);
    }
  });

  test('answers every error with problem details of a code of the catalogue', () => {
    for (const { operation } of operations) {
      const responses = operation['responses'] as Record<string, { content: Record<string, unknown> }>;
      const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400);
      const codes = codesOf(contract[operation['operationId'] as RouteName]);
      for (const code of codes) expect(Object.keys(responses)).toContain(String(catalogue[code].httpStatus));
      for (const [, { content }] of errors) expect(Object.keys(content)).toEqual(['application/problem+json']);
    }
  });

  test('says which headers versions, pages, repetitions and limits have', () => {
    const of = (name: RouteName) => {
      const { operation } = operations.find(({ operation: { operationId } }) => operationId === name) ?? {};
      const { parameters = [], responses } = operation as {
        parameters?: { name: string; in: string }[];
        responses: Record<string, { headers?: object }>;
      };
      const heard = parameters.filter(({ in: place }) => place === 'header').map(({ name: header }) => header);
      const sent = Object.entries(responses).map(([status, { headers = {} }]) => [status, Object.keys(headers)]);
      return [heard, Object.fromEntries(sent.filter(([, headers = []]) => headers.length > 0))];
    };
    const limit = { 429: ['retry-after'] };
    expect(of('getConnection')).toEqual([['if-none-match'], { 200: ['etag'], 304: ['etag'], ...limit }]);
    expect(of('putConnection')).toEqual([['if-match', 'if-none-match'], { 200: ['etag'], ...limit }]);
    expect(of('deleteConnection')).toEqual([['if-match'], limit]);
    expect(of('applyPolicy')).toEqual([['if-match', 'if-none-match'], { 200: ['etag'], ...limit }]);
    expect(of('listSessions')).toEqual([[], { 200: ['link'], ...limit }]);
    expect(of('openSession')).toEqual([['idempotency-key'], limit]);
    expect(of('whoami')).toEqual([[], limit]);
  });

  test('a route that changes nothing takes no body', () => {
    for (const [name, { body }] of Object.entries(contract)) {
      if (routes[name as RouteName].startsWith('GET ')) expect([name, body]).toEqual([name, undefined]);
    }
  });
});

describe('what JSON Schema cannot say', () => {
  const { input, output } = createComponents({ closed: false });
  test.each([
    ['an own check', z.string().refine((text) => text !== 'x'), { type: 'string' }, { type: 'string' }],
    ['a transform', z.string().transform(Number), { type: 'string' }, {}],
    ['a default', z.object({ a: z.string().default('x') }), ['a', []], ['a', ['a']]],
    ['a date', z.date(), {}, {}],
  ])('%s does not break the document', (_name, schema, written, answered) => {
    const shown = (made: Record<string, unknown>) =>
      Array.isArray(written) ? [Object.keys(Object(made['properties'])).join(), made['required'] ?? []] : made;
    expect([shown(input(schema)), shown(output(schema))]).toEqual([written, answered]);
  });
});
