import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
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
  try {
    return JSON.parse(text) as AgentState;
  } catch (cause) {
    throw new WeirError('invalid_request', `${path} is damaged`, { cause, fix: 'Enrol again with a new join token.' });
  }
}

/** Writes the state so that a crash leaves either the old or the new one. */
export async function writeAgentState(dir: string, state: AgentState): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, fileName);
  await writeFile(`${path}.new`, JSON.stringify(state, null, 2), { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
