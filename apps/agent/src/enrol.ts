import { readFile, rm } from 'node:fs/promises';
import { WeirError } from '@weir/errors';
import { tryJoinToken } from '@weir/proto';
import { enrolAgent } from '@weir/tunnel';
import { createCertificateRequest } from './certificate-request.ts';
import { type AgentState, writeAgentState } from './state.ts';
import { agentVersion } from './version.ts';

/** Where the join token comes from. */
export interface EnrolOptions {
  /** Folder for key and certificate. */
  readonly stateDir: string;
  /** The token itself, or a file that holds it (deleted after use, since it is worth nothing any more). */
  readonly token?: string;
  readonly tokenFile?: string;
  /** The pool that the agent should join; a token for another one is refused. */
  readonly pool?: string;
}

/** Trades a one-use join token for a certificate; the token's pin decides which gateway is believed. @throws WeirError with what to do. */
export async function enrol(options: EnrolOptions): Promise<AgentState> {
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
  const request = await createCertificateRequest();
  const result = await enrolAgent({
    address: token.address,
    caPins: token.caPins,
    joinToken: token.secret,
    ...(options.pool === undefined ? {} : { pool: options.pool }),
    csrDer: request.der,
    version: agentVersion,
  });
  const { agentId, agentName, pool, tunnelAddress, ca, certificate } = result;
  const state: AgentState = {
    ...{ agentId, agentName, pool, tunnelAddress, frontAddress: token.address },
    ...{ ca, certificate, key: request.key },
  };
  await writeAgentState(options.stateDir, state);
  if (options.tokenFile !== undefined) await rm(options.tokenFile, { force: true });
  return state;
}
