import { readFileSync } from 'node:fs';
import { isWeirError } from '@weir/errors';
import { formatFinding, lintPolicies, lintPolicySources, parsePolicies, parsePolicySources } from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { documentOf, openAccess } from './fixture.ts';

const read = (name: string): unknown => parse(readFileSync(new URL(`cases/${name}`, import.meta.url), 'utf8'));
const errors = read('errors.yaml') as { name: string; source: string; findings: string[] }[];
const warnings = read('warnings.yaml') as { name: string; documents: Record<string, object>; warnings: string[] }[];

const caught = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error;
  }
};

describe('errors', () => {
  it.each(errors)('$name', ({ source, findings }) => {
    expect(lintPolicies(source, 'p').map(formatFinding)).toEqual(findings);
  });

  it.each(errors)('$name: parsePolicies throws all of it', ({ source, findings }) => {
    const error = caught(() => parsePolicies(source, 'p'));
    expect(isWeirError(error) && error.code).toBe('policy_invalid');
    for (const finding of findings) expect(String(error)).toContain(finding);
  });

  it('hide the warnings', () => {
    const source = documentOf('Guardrail', 'g', "when: 'false'\naction: deny") + documentOf('Access', 'a', 'who: {}');
    expect(lintPolicies(source, 'p').every(({ severity }) => severity === 'error')).toBe(true);
  });

  it('name documents where they can', () => {
    expect(lintPolicies(documentOf('Access', 'a', 'x: 1'), 'p')[0]).toMatchObject({ document: 'a' });
    expect(lintPolicies('5', 'p')[0]).toMatchObject({ document: null });
  });
});

describe('warnings', () => {
  it.each(warnings)('$name', ({ documents, warnings: expected }) => {
    const source = Object.entries(documents)
      .map(([head, spec]) => documentOf(head.split(' ')[0] ?? '', head.split(' ')[1] ?? '', JSON.stringify(spec)))
      .join('');
    const findings = lintPolicies(source, 'p');
    expect(findings.map(({ code, document, message }) => `${code} ${document}: ${message}`)).toEqual(expected);
    expect(findings.every(({ severity }) => severity === 'warning')).toBe(true);
    expect(() => parsePolicies(source, 'p')).not.toThrow();
  });

  it('have the place of what they are about', () => {
    const source = documentOf('Guardrail', 'g', 'action: deny\nmatch:\n  kinds: [insert]\n  where: none');
    expect(lintPolicies(source, 'p').map(formatFinding)).toEqual([
      'p:9:12: warning: This guardrail can never match: only select, update and delete have a WHERE clause.',
    ]);
  });
});

describe('several sources', () => {
  const masking = documentOf('Masking', 'everyone', "columns: ['*.*.a']\ntransform: redact");

  it('share the names', () => {
    const sources = [
      { name: 'a.yaml', text: openAccess },
      { name: 'b.yaml', text: masking },
    ];
    expect(lintPolicySources(sources).map(formatFinding)).toEqual([
      'b.yaml:4:19: error: The name "everyone" is taken at a.yaml:2.',
    ]);
    expect(() => parsePolicySources(sources)).toThrow('b.yaml:4:19');
  });

  it('are reported in their order, by line', () => {
    const bad = 'apiVersion: v2\n---\nkind: X\n';
    const sources = [
      { name: 'z.yaml', text: bad },
      { name: 'a.yaml', text: bad },
    ];
    expect(lintPolicySources(sources).map(({ source, line }) => `${source}:${line}`)).toEqual([
      'z.yaml:1',
      'z.yaml:3',
      'a.yaml:1',
      'a.yaml:3',
    ]);
  });

  it('make one policy', () => {
    const documents = parsePolicySources([
      { name: 'a.yaml', text: openAccess },
      { name: 'b.yaml', text: masking.replace('everyone', 'mask') },
    ]);
    expect(documents.map(({ kind, name, source }) => [kind, name, source])).toEqual([
      ['Access', 'everyone', { name: 'a.yaml', line: 2 }],
      ['Masking', 'mask', { name: 'b.yaml', line: 2 }],
    ]);
  });
});

describe('what is read', () => {
  it.each([
    ['nothing', ''],
    ['comments', '# nothing\n'],
    ['empty documents', '---\n---\n# x\n---\nnull\n'],
  ])('%s: no documents and no error', (_name, text) => {
    expect(parsePolicies(text, 'p')).toEqual([]);
  });

  it('JSON: one document, or an array of them', () => {
    const document = parse(openAccess) as object;
    expect(parsePolicies(JSON.stringify(document), 'p')).toHaveLength(1);
    const other = { ...document, metadata: { name: 'b' } };
    expect(parsePolicies(JSON.stringify([document, other]), 'p').map(({ name }) => name)).toEqual(['everyone', 'b']);
  });

  it('anchors and aliases of YAML', () => {
    const source = `${openAccess}${documentOf('Masking', 'm', "columns: &c ['*.*.a']\ntransform: redact\nexempt: { groups: *c }")}`;
    expect(parsePolicies(source, 'p')).toHaveLength(2);
  });

  it('no bomb of aliases', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level += 1) {
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`);
    }
    expect(lintPolicies(lines.join('\n'), 'p')[0]?.message).toMatch(/cannot be read/);
  });

  it('no source above its bound', () => {
    expect(lintPolicies(' '.repeat(1_048_577), 'p').map(formatFinding)).toEqual([
      'p:1:1: error: The source is longer than 1048576 characters.',
    ]);
  });
});
