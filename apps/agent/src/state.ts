import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';

/** What an enrolled agent keeps in its state folder (0700, file 0600). */
export interface AgentState {
  readonly agentId: string;
  readonly agentName: string;
  /** Whose connections it serves; absent in states of old versions. */
  readonly pool?: string | undefined;
  /** host:port of the gateway's tunnel listener. */
  readonly tunnelAddress: string;
  /** host:port of the gateway's front port, where the agent gets a certificate after its last one has ended; absent in states of old versions until a renewal. */
  readonly frontAddress?: string | undefined;
  /** PEM; one or more CAs. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** The last nonce of the gateway, base64; absent before the first. Whoever holds an older one holds a copy of this folder. */
  readonly nonce?: string | undefined;
  /** Set while a renewal is under way: after a crash nobody knows whether the gateway counts this certificate as replaced. */
  readonly isRenewing?: boolean | undefined;
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

/** Was this folder ever enrolled? */
export function isEnrolled(dir: string): Promise<boolean> {
  return readFile(join(dir, fileName)).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
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
  const folder = await open(dir);
  try {
    // Only then a power cut cannot bring the old one back.
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The state of a running agent: changes are written one after the other, each durable when its promise resolves. */
export interface AgentStateStore {
  readonly current: AgentState;
  change(change: Partial<AgentState>): Promise<void>;
}

/** Makes the store of a state that was just read. */
export function createAgentStateStore(dir: string, state: AgentState): AgentStateStore {
  let current = state;
  let turn: Promise<void> = Promise.resolve();
  return {
    get current() {
      return current;
    },
    change: (change) => {
      const written = turn.then(async () => {
        const next = { ...current, ...change };
        await writeAgentState(dir, next);
        current = next;
      });
      turn = written.catch(() => undefined);
      return written;
    },
  };
}
