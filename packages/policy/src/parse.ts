import type { z } from 'zod';
import { isConditionProblem, tryCondition } from './condition.ts';
import { didYouMean } from './did-you-mean.ts';
import { type Finding, type FindingCode, policyInvalid } from './finding.ts';
import { documentKinds, documentSchemas, type PolicyDocument, policyApiVersion } from './schema/document.ts';
import { describe, keySeparator } from './schema/field.ts';
import { type Position, type RawDocument, readSource, type ValuePath } from './source.ts';

/** A text with policy documents and its name (file name or similar) for messages. */
export interface PolicySource {
  readonly name: string;
  readonly text: string;
}

/** A document together with the places of its parts, for lint. */
export interface PlacedDocument {
  readonly document: PolicyDocument;
  readonly raw: RawDocument;
}

/** Everything that was read: documents without an error, and the errors. */
export interface ReadResult {
  readonly documents: readonly PlacedDocument[];
  readonly findings: readonly Finding[];
}

/** Reads YAML or JSON text. @throws WeirError `policy_invalid` that lists every error with file:line:column. */
export function parsePolicies(text: string, sourceName: string): PolicyDocument[] {
  return parsePolicySources([{ name: sourceName, text }]);
}

/** parsePolicies for several files that make one policy: names are unique across all of them. */
export function parsePolicySources(sources: readonly PolicySource[]): PolicyDocument[] {
  const { documents, findings } = readPolicies(sources);
  if (findings.length > 0) throw policyInvalid(findings);
  return documents.map((placed) => placed.document);
}

/** Reads all sources without throwing. */
export function readPolicies(sources: readonly PolicySource[]): ReadResult {
  const findings: Finding[] = [];
  const documents: PlacedDocument[] = [];
  for (const source of sources) {
    const raw = readSource(source.text);
    for (const problem of raw.problems) {
      findings.push(finding('syntax', problem.message, source.name, problem, null));
    }
    for (const rawDocument of raw.documents) {
      const result = readDocument(rawDocument, source.name);
      findings.push(...result.findings);
      if (result.document !== undefined) documents.push({ document: result.document, raw: rawDocument });
    }
  }
  return { documents, findings: [...findings, ...findDuplicates(documents), ...findSharedIdentities(documents)] };
}

function readDocument(
  raw: RawDocument,
  source: string,
): { readonly document?: PolicyDocument; readonly findings: readonly Finding[] } {
  const name = nameOf(raw.value);
  const fail = (message: string, path: ValuePath): { findings: Finding[] } => ({
    findings: [finding('invalid', message, source, raw.positionOf(path), name)],
  });
  if (typeof raw.value !== 'object' || raw.value === null || Array.isArray(raw.value)) {
    return fail(`Expected a policy document, found ${describe(raw.value)}.`, []);
  }
  const head = raw.value as { apiVersion?: unknown; kind?: unknown };
  if (head.apiVersion !== policyApiVersion) {
    const found = head.apiVersion === undefined ? 'it is missing' : `found ${describe(head.apiVersion)}`;
    return fail(`apiVersion must be ${policyApiVersion}; ${found}.`, ['apiVersion']);
  }
  const kind = documentKinds.find((known) => known === head.kind);
  if (kind === undefined) {
    const advice = typeof head.kind === 'string' ? didYouMean(head.kind, documentKinds) : '';
    return fail(`kind must be one of ${documentKinds.join(', ')}.${advice}`, ['kind']);
  }
  const parsed = documentSchemas[kind].safeParse(raw.value);
  const findings = parsed.success ? [] : parsed.error.issues.flatMap((issue) => findingsOf(issue, raw, source, name));
  findings.push(...checkCondition(raw, kind, source, name));
  if (!parsed.success || findings.length > 0) return { findings };
  const { metadata, spec } = parsed.data;
  const place = { name: source, line: raw.positionOf([]).line };
  const document = { kind, name: metadata.name, description: metadata.description, source: place, spec };
  return { document: document as PolicyDocument, findings };
}

function findingsOf(issue: z.core.$ZodIssue, raw: RawDocument, source: string, name: string | null): Finding[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split(keySeparator);
    return issue.keys.map((key, index) =>
      finding('unknown-key', messages[index] ?? issue.message, source, raw.keyPositionOf([...path, key]), name),
    );
  }
  // A union reports its own message; an unknown key inside one of its objects is the better message.
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.flat().filter((candidate) => candidate.code === 'unrecognized_keys');
    const [only] = inner;
    if (only !== undefined) return findingsOf({ ...only, path: [...issue.path, ...only.path] }, raw, source, name);
  }
  const where = path.length === 0 ? 'document' : path.join('.');
  return [finding('invalid', `${where}: ${issue.message}`, source, raw.positionOf(path), name)];
}

function checkCondition(
  raw: RawDocument,
  kind: PolicyDocument['kind'],
  source: string,
  name: string | null,
): Finding[] {
  const spec = (raw.value as { spec?: unknown }).spec;
  const key = kind === 'AccessRequest' ? 'autoApprove' : 'when';
  if (typeof spec !== 'object' || spec === null || !Object.hasOwn(spec, key)) return [];
  const text = (spec as Record<string, unknown>)[key];
  if (typeof text !== 'string') return [];
  const result = tryCondition(text, kind === 'AccessRequest' ? 'request' : kind === 'Masking' ? 'scope' : 'rule');
  if (!isConditionProblem(result)) return [];
  const position = raw.positionInText(['spec', key], result.offset);
  return [finding('condition', `spec.${key}: ${result.message}`, source, position, name)];
}

function findDuplicates(documents: readonly PlacedDocument[]): Finding[] {
  const first = new Map<string, PolicyDocument>();
  return documents.flatMap(({ document, raw }) => {
    const earlier = first.get(document.name);
    if (earlier === undefined) {
      first.set(document.name, document);
      return [];
    }
    const message = `The name "${document.name}" is taken at ${earlier.source.name}:${earlier.source.line}.`;
    const position = raw.positionOf(['metadata', 'name']);
    return [finding('duplicate-name', message, document.source.name, position, document.name)];
  });
}

/** What an identity may do is said by one rule: with two, the last job that signed in would decide about the other's. */
function findSharedIdentities(documents: readonly PlacedDocument[]): Finding[] {
  const first = new Map<string, PolicyDocument>();
  return documents.flatMap(({ document, raw }) => {
    if (document.kind !== 'WorkloadTrust') return [];
    const { identity } = document.spec;
    const earlier = first.get(identity);
    if (earlier === undefined) {
      first.set(identity, document);
      return [];
    }
    const message = `The identity "${identity}" is given by ${earlier.name} already.`;
    return [finding('invalid', message, document.source.name, raw.positionOf(['spec', 'identity']), document.name)];
  });
}

function nameOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return null;
  const metadata = value.metadata;
  if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return null;
  return typeof metadata.name === 'string' ? metadata.name : null;
}

function finding(code: FindingCode, message: string, source: string, at: Position, document: string | null): Finding {
  return { severity: 'error', code, message, source, line: at.line, column: at.column, document };
}
