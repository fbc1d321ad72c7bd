import { readFileSync } from 'node:fs';
import {
  builtInRules,
  contentTypes,
  documentKinds,
  evaluateCase,
  formatFinding,
  guardedSettings,
  lintPolicies,
  parseCases,
  parsePolicies,
  sshKinds,
  statementKinds,
  transforms,
} from '@weir/policy';
import { describe, expect, it } from 'vitest';
import { fileDirections, outputStreams, sshMatchSchema } from '../src/schema/ssh.ts';
import { daytime, statementOf } from './fixture.ts';

const text = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8');
const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
const policies = blocks.filter((block) => block.startsWith('apiVersion:'));
const cases = blocks.filter((block) => block.startsWith('cases:'));
const demo = readFileSync(new URL('../../../apps/demo/policy/shop.yaml', import.meta.url), 'utf8');

describe('the examples of docs/policy.md', () => {
  it('are policies or cases, all of them', () => {
    expect(policies.length + cases.length).toBe(blocks.length);
    expect(policies.length).toBeGreaterThanOrEqual(6);
    expect(cases).toHaveLength(1);
  });

  it.each(policies.map((block) => [/name: ([a-z-]+)/.exec(block)?.[1] ?? '', block]))(
    '%s: no error',
    (_name, block) => {
      const findings = lintPolicies(block, 'docs/policy.md');
      expect(findings.filter(({ code }) => code !== 'unknown-group').map(formatFinding)).toEqual([]);
    },
  );

  it('make one policy together', () => {
    expect(parsePolicies(policies.join('---\n'), 'docs/policy.md').length).toBeGreaterThanOrEqual(10);
  });

  it('hold cases that the policy of the demo passes', () => {
    const statements = {
      'DELETE FROM customers': statementOf({ kind: 'delete', filters: ['delete customers none'] }),
      'SELECT name FROM customers WHERE id = 1': statementOf({ filters: ['select customers effective'] }),
    };
    for (const row of parseCases(cases[0] ?? '', 'docs/policy.md')) {
      const statement = statements[row.sql as keyof typeof statements];
      const result = evaluateCase(parsePolicies(demo, 'shop.yaml'), row, statement, daytime.now);
      expect(result.problem).toBeNull();
    }
  });
});

describe('docs/policy.md names every', () => {
  it.each<[string, readonly string[]]>([
    ['kind of document', documentKinds],
    ['kind of statement', statementKinds.filter((kind) => kind !== 'unknown')],
    ['transform', transforms],
    ['content type', contentTypes],
    ['built-in rule', Object.values(builtInRules)],
    ['guarded setting', [...guardedSettings.keys()]],
    ['effect', ['read', 'insert', 'update', 'delete', 'truncate', 'ddl', 'lock']],
    [
      'warning',
      ['guardrail-never-matches', 'masking-shadowed', 'masking-never-applies', 'unknown-group', 'opaque-with-masks'],
    ],
  ])('%s', (_what, words) => {
    const named = /`?"?([a-z_-]+)"?`?/gi;
    const found = new Set([...text.matchAll(named)].map((match) => match[1]));
    expect(words.filter((word) => !found.has(word))).toEqual([]);
  });
});

const sshText = readFileSync(new URL('../../../docs/policy-ssh.md', import.meta.url), 'utf8');
const sshBlocks = [...sshText.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
const sshPolicies = sshBlocks.filter((block) => block.startsWith('apiVersion:'));

describe('docs/policy-ssh.md', () => {
  it('has examples that lint has nothing to say about', () => {
    expect(sshPolicies.length).toBe(sshBlocks.length - 1);
    const findings = lintPolicies(sshPolicies.join('---\n'), 'docs/policy-ssh.md');
    expect(findings.filter(({ code }) => code !== 'unknown-group').map(formatFinding)).toEqual([]);
  });

  it.each<[string, readonly string[]]>([
    ['kind', sshKinds],
    ['condition', Object.keys(sshMatchSchema.shape)],
    ['way of files', fileDirections],
    ['stream', outputStreams],
    ['warning', ['advisory-rule', 'ssh-condition', 'ssh-variables', 'ssh-files-alone']],
  ])('names every %s', (_what, words) => {
    const found = new Set([...sshText.matchAll(/`([A-Za-z0-9-]+)`/g)].map((match) => match[1]));
    expect(words.filter((word) => !found.has(word))).toEqual([]);
  });
});
