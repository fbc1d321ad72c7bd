import { readFile } from 'node:fs/promises';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { z } from 'zod';
import type { KubernetesPlatform } from '../../config/platform-schema.ts';
import { TokenProblem } from '../../identity/workload/verify-token.ts';

/** Longest answer of an API server that is read, bytes. */
const maxBytes = 256 * 1024;
const timeoutMs = 5_000;

const reviewSchema = z.object({
  kind: z.literal('TokenReview'),
  status: z.object({
    authenticated: z.boolean().default(false),
    error: z.string().optional(),
    audiences: z.array(z.string()).default([]),
    user: z
      .object({ username: z.string().default(''), extra: z.record(z.string(), z.array(z.string())).default({}) })
      .optional(),
  }),
});

/** Who holds a service-account token, as its cluster says. */
export interface ReviewedToken {
  /** namespace/name. */
  readonly serviceAccount: string;
  /** namespace/name of the pod that the token is bound to. */
  readonly pod: string | undefined;
}

/**
 * Asks the API server of a cluster about a token (authentication.k8s.io/v1 TokenReview): it knows whether the token was revoked, and whether its pod still is there.
 * @throws TokenProblem
 */
export async function reviewToken(rule: KubernetesPlatform, token: string): Promise<ReviewedToken> {
  const answer = reviewSchema.safeParse(await ask(rule, token));
  if (!answer.success) throw new TokenProblem('the API server did not answer with a TokenReview');
  const { authenticated, error, audiences, user } = answer.data.status;
  if (!authenticated || user === undefined) {
    throw new TokenProblem(`the cluster does not take it: ${error?.slice(0, 200) ?? 'it gives no reason'}`);
  }
  // An API server that does not know audiences names none, and would take tokens that are for others.
  if (!audiences.includes(rule.audience)) throw new TokenProblem(`it is not for the audience ${rule.audience}`);
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user.username) ?? [];
  if (namespace === undefined || name === undefined) throw new TokenProblem('it is not of a service account');
  const pod = user.extra['authentication.kubernetes.io/pod-name']?.[0];
  return { serviceAccount: `${namespace}/${name}`, pod: pod === undefined ? undefined : `${namespace}/${pod}` };
}

async function ask({ apiServer, caFile, tokenFile, audience }: KubernetesPlatform, token: string): Promise<unknown> {
  const url = new URL('/apis/authentication.k8s.io/v1/tokenreviews', apiServer);
  const [ca, credential] = await Promise.all([read(caFile), read(tokenFile)]);
  const body = JSON.stringify({
    ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
    spec: { token, audiences: [audience] },
  });
  const headers = {
    ...{ accept: 'application/json', 'content-type': 'application/json' },
    ...(credential === undefined ? {} : { authorization: `Bearer ${credential.trim()}` }),
  };
  const text = await post(url, { headers, ...(ca === undefined ? {} : { ca }) }, body);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new TokenProblem(`${url.host} did not answer with JSON: ${String(cause).slice(0, 100)}`);
  }
}

/** No redirect is followed: it would lead where no rule has allowed. */
function post(
  url: URL,
  options: { readonly headers: Readonly<Record<string, string>>; readonly ca?: string },
  body: string,
): Promise<string> {
  const send = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new TokenProblem(`its cluster cannot be asked: ${url.host} ${why}`));
    const signal = AbortSignal.timeout(timeoutMs);
    const request = send(url, { method: 'POST', signal, ...options }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) request.destroy(new Error('sends too long an answer'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        if (response.statusCode === 200 || response.statusCode === 201) resolve(Buffer.concat(chunks).toString('utf8'));
        else fail(`answers with status ${response.statusCode}`);
      });
      response.on('error', (error) => fail(error.message));
    });
    request.on('error', (error) => fail(signal.aborted ? 'does not answer in time' : error.message));
    request.end(body);
  });
}

async function read(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return readFile(file, 'utf8').catch((error: Error) => {
    throw new TokenProblem(`its cluster cannot be asked: ${error.message}`);
  });
}
