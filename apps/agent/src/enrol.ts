import { readFile, rm } from 'node:fs/promises';
import { WeirError } from '@weir/errors';
import { tryJoinToken } from '@weir/proto';
import { enrolAgent } from '@weir/tunnel';
import { createCertificateRequest } from './certificate-request.ts';
import { type AgentState, writeAgentState } from './state.ts';
import { agentVersion } from './version.ts';

/** By what an agent enrols: a join token, or a token of the platform that it runs on. */
export interface EnrolOptions {
  /** Folder for key and certificate. */
  readonly stateDir: string;
  /** A join token, or a file that holds it (deleted after use: it may be worth nothing any more). */
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** A file with a token of the platform; it stays. `gateway` (host:port of the front port) and `caPins` say then which gateway is believed. */
  readonly platformTokenFile?: string | undefined;
  readonly gateway?: string | undefined;
  readonly caPins?: readonly string[] | undefined;
  /** The pool that the agent should join; a token for another one is refused. */
  readonly pool?: string | undefined;
}

/** Trades a token for a certificate; the pin decides which gateway is believed. @throws WeirError with what to do. */
export async function enrol(options: EnrolOptions): Promise<AgentState> {
  const credential = await (options.platformTokenFile === undefined ? joinToken(options) : platformToken(options));
  const request = await createCertificateRequest();
  const result = await enrolAgent({
    ...credential,
    ...(options.pool === undefined ? {} : { pool: options.pool }),
    ...{ csrDer: request.der, version: agentVersion },
  });
  const { agentId, agentName, pool, tunnelAddress, ca, certificate } = result;
  const state: AgentState = {
    ...{ agentId, agentName, pool, tunnelAddress, frontAddress: credential.address },
    ...{ ca, certificate, key: request.key },
  };
  await writeAgentState(options.stateDir, state);
  // A token of a pool may be for others, too.
  const isUsedUp = options.platformTokenFile === undefined && agentName === pool;
  if (isUsedUp && options.tokenFile !== undefined) {
    await rm(options.tokenFile, { force: true });
  }
  return state;
}

/** What enrolAgent needs of a token. */
interface Credential {
  readonly address: string;
  readonly caPins: readonly string[];
  readonly joinToken: string;
  readonly platformToken?: string;
}

async function joinToken(options: EnrolOptions): Promise<Credential> {
  const text = options.token ?? (options.tokenFile === undefined ? '' : await readFile(options.tokenFile, 'utf8'));
  if (text.trim() === '')
    throw new WeirError('invalid_request', 'no join token was given', {
      fix: 'weir agent enrol --token-file FILE (or --token TOKEN)',
    });
  const token = tryJoinToken(text);
  if (token === undefined)
    throw new WeirError('invalid_request', 'this is not a join token', {
      why: 'A join token begins with weir-join.',
      fix: 'Copy the whole token, or make a new one.',
    });
  return { address: token.address, caPins: token.caPins, joinToken: token.secret };
}

async function platformToken({ platformTokenFile = '', gateway, caPins = [] }: EnrolOptions): Promise<Credential> {
  if (gateway === undefined || caPins.length === 0 || !caPins.every((pin) => /^[0-9a-f]{64}$/.test(pin)))
    throw new WeirError('invalid_request', 'a token of the platform needs --gateway HOST:PORT and --ca-pin SHA256', {
      why: 'Without them the agent could not tell the gateway from a stranger.',
      fix: 'The pin is the SHA-256 in: weir agent ca ls',
    });
  const text = await readFile(platformTokenFile, 'utf8').catch((cause: Error) => {
    throw new WeirError('invalid_request', `the token ${platformTokenFile} cannot be read`, {
      why: cause.message,
      cause,
    });
  });
  return { address: gateway, caPins, joinToken: '', platformToken: text.trim() };
}
