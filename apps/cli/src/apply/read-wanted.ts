import type { ConnectionSpec } from '@weir/api';
import { WeirError } from '@weir/errors';
import { type PolicyDocument, type PolicySource, parsePolicySources } from '@weir/policy';
import { readText } from '../policy-cases/policy-files.ts';
import { readConnection } from './connection-document.ts';
import { findFiles } from './find-files.ts';
import { splitFile } from './split-file.ts';

/** What files say that the gateway should have. */
export interface Wanted {
  readonly connections: readonly ConnectionSpec[];
  /** Null when no file has a policy document. */
  readonly policy: { readonly sources: readonly PolicySource[]; readonly documents: readonly PolicyDocument[] } | null;
}

/** Reads and checks all documents. @throws WeirError invalid_request or policy_invalid. */
export function readWanted(paths: readonly string[]): Wanted {
  const connections = new Map<string, { readonly spec: ConnectionSpec; readonly file: string }>();
  const sources: PolicySource[] = [];
  let policies = 0;
  for (const file of findFiles(paths)) {
    const split = splitFile(readText(file), file);
    for (const value of split.connections) {
      const spec = readConnection(value, file);
      const earlier = connections.get(spec.name);
      if (earlier !== undefined) throw twice(spec.name, earlier.file, file);
      connections.set(spec.name, { spec, file });
    }
    policies += split.policies;
    if (split.policies > 0) sources.push({ name: file, text: split.policyText });
  }
  if (connections.size + policies === 0) {
    throw new WeirError('invalid_request', `There are no documents in ${paths.join(', ')}.`, {
      fix: 'Name a YAML or JSON file, or a folder with some.',
    });
  }
  const specs = [...connections.values()].map(({ spec }) => spec);
  return { connections: specs, policy: policies === 0 ? null : readPolicy(sources, policies) };
}

function readPolicy(sources: readonly PolicySource[], count: number): NonNullable<Wanted['policy']> {
  const documents = parsePolicySources(sources);
  if (documents.length === count) return { sources, documents };
  throw new WeirError('invalid_request', 'Connections and policy cannot be told apart in one of the files.', {
    fix: 'Write connections to files of their own.',
  });
}

function twice(name: string, first: string, second: string): WeirError {
  const where = first === second ? `twice in ${first}` : `in ${first} and in ${second}`;
  return new WeirError('invalid_request', `The connection ${name} is ${where}.`, { fix: 'Keep one of them.' });
}
