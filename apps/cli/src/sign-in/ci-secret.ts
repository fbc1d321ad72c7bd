import { readFileSync } from 'node:fs';
import type { MachineSecret } from '@weir/api';
import { WeirError } from '@weir/errors';
import { z } from 'zod';
import type { Cli } from '../cli.ts';

/** Where Kubernetes puts the projected token of the example in docs/machines.md. */
export const kubernetesTokenFile = '/var/run/secrets/weir/token';

/** How a job may say where its token or key is. */
export interface CiOptions {
  readonly tokenFile?: string;
  readonly keyFile?: string;
  /** What the token must be for; default: the gateway's address. */
  readonly audience?: string;
}

/** What was found, and on which platform. */
export interface CiSecret {
  readonly platform: string;
  readonly by: MachineSecret['by'];
  readonly secret: string;
}

/**
 * Finds the token of a job: of a file that was named, of GitHub Actions, GitLab CI, Kubernetes, or the key of a service account. The first that is there
 * counts. @throws WeirError invalid_request when there is none, or the platform does not give one.
 */
export async function findCiSecret(cli: Cli, options: CiOptions, audience: string): Promise<CiSecret> {
  const { env } = cli;
  const named = options.tokenFile ?? (env['WEIR_TOKEN_FILE'] || undefined);
  if (options.keyFile !== undefined) return ofFile('service account', 'key', options.keyFile);
  if (named !== undefined) return ofFile('token file', 'token', named);
  if (env['ACTIONS_ID_TOKEN_REQUEST_URL']) return ofGitHub(env, audience);
  if (env['GITHUB_ACTIONS'] === 'true') {
    throw none('GitHub gives this job no token.', 'Add to the job:  permissions: { id-token: write, contents: read }');
  }
  if (env['WEIR_ID_TOKEN']) return { platform: 'GitLab CI', by: 'token', secret: env['WEIR_ID_TOKEN'].trim() };
  if (env['GITLAB_CI'] === 'true') {
    throw none(
      'GitLab gives this job no token.',
      `Add to the job:  id_tokens: { WEIR_ID_TOKEN: { aud: ${audience} } }`,
    );
  }
  const key = env['WEIR_SERVICE_KEY'];
  if (key) return { platform: 'service account', by: 'key', secret: key.trim() };
  // The pod's token for the cluster's own API is never taken: whoever gets it could use it there.
  if (env['KUBERNETES_SERVICE_HOST']) return ofFile('Kubernetes', 'token', kubernetesTokenFile);
  throw none(
    'No token of a CI system or cluster was found.',
    'Name a file with one: weir login --ci --token-file FILE, or give the key of a service account in WEIR_SERVICE_KEY.',
  );
}

function ofFile(platform: string, by: CiSecret['by'], path: string): CiSecret {
  let secret: string;
  try {
    secret = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const fix = platform === 'Kubernetes' ? 'Mount a projected token there, see docs/machines.md.' : 'Check the path.';
    throw new WeirError('invalid_request', `The file ${path} cannot be read.`, { why, fix });
  }
  if (secret !== '') return { platform, by, secret };
  throw none(`The file ${path} is empty.`, 'Check the path.');
}

const answerSchema = z.object({ value: z.string().min(1) });

/** Asks GitHub for a token (docs.github.com, "OpenID Connect reference"). */
async function ofGitHub(env: Cli['env'], audience: string): Promise<CiSecret> {
  const address = env['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '';
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isSafe = url?.protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(url?.hostname ?? '');
  if (url === undefined || !isSafe) {
    throw none('ACTIONS_ID_TOKEN_REQUEST_URL is no https address.', 'Run it in a job of GitHub Actions.');
  }
  url.searchParams.set('audience', audience);
  const headers = {
    authorization: `Bearer ${env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'] ?? ''}`,
    accept: 'application/json',
  };
  let why: string;
  try {
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(30_000) });
    const answer = answerSchema.safeParse(response.ok ? await response.json() : undefined);
    if (answer.success) return { platform: 'GitHub Actions', by: 'token', secret: answer.data.value };
    why = response.ok ? 'It answers without a token.' : `It answers with status ${response.status}.`;
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw new WeirError('gateway_unavailable', `${url.host} gives this job no token.`, {
    why,
    fix: 'Run the job again.',
  });
}

function none(message: string, fix: string): WeirError {
  return new WeirError('invalid_request', message, { fix });
}
