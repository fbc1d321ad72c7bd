import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';

/** What an enrolled agent keeps in its state folder (0700, file 0600). */
export interface AgentState {
  readonly agentId: string;
  readonly agentName: string;
  /** host:port of the gateway's tunnel listener. */
  readonly tunnelAddress: string;
  /** PEM. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const fileName = 'agent.json';

/** Reads the state. @throws WeirError sign_in_required when this folder was never enrolled; invalid_request when the file is damaged. */
export async function readAgentState(dir: string): Promise<AgentState> {
  const path = join(dir, fileName);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new WeirError('sign_in_required', `no enrolled agent in ${dir}`, {
      cause,
      why: cause.message,
      fix: `weir agent enrol --token-file FILE --state ${dir}`,
    });
  });
  const state = tryAgentState(text);
  if (state !== undefined) return state;
  throw new WeirError('invalid_request', `${path} is damaged`, { fix: 'Enrol again with a new join token.' });
}

const fields = ['agentId', 'agentName', 'tunnelAddress', 'ca', 'certificate', 'key'] as const;

function tryAgentState(text: string): AgentState | undefined {
  let found: Partial<Record<string, unknown>> | null;
  try {
    found = JSON.parse(text) as typeof found;
  } catch {
    return undefined;
  }
  return fields.every((field) => typeof found?.[field] === 'string') ? (found as unknown as AgentState) : undefined;
}

/** Writes the state so that a crash leaves either the old or the new one. */
export async function writeAgentState(dir: string, state: AgentState): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, fileName);
  // What an interrupted write left keeps its own rights when it is only overwritten.
  await rm(`${path}.new`, { force: true });
  await writeFile(`${path}.new`, JSON.stringify(state, null, 2), { mode: 0o600, flag: 'wx', flush: true });
  await rename(`${path}.new`, path);
}
