import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { credentialMissing } from './missing.ts';

/** One question to a secret store. */
export interface SecretStoreRequest {
  readonly url: URL;
  readonly method?: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** PEM; the system's roots when absent. */
  readonly ca?: string | undefined;
  /** What is asked, for errors: never a value. */
  readonly what: string;
}

const timeoutMs = 5_000;
const maxAnswerBytes = 1024 * 1024;

/** Asks a secret store over TLS (plain only on loopback); no redirect is followed. @throws WeirError target_unavailable that says the status, never the body. */
export async function fetchJson({
  url,
  method = 'GET',
  headers,
  body,
  ca,
  what,
}: SecretStoreRequest): Promise<unknown> {
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    throw credentialMissing(`${what}: ${url.origin} is not encrypted`, undefined, 'Use an https address.');
  }
  const send = url.protocol === 'https:' ? https : http;
  const text = await new Promise<string>((resolve, reject) => {
    const fail = (why: string, cause?: unknown) => reject(credentialMissing(`${what}: ${why}`, cause));
    const signal = AbortSignal.timeout(timeoutMs);
    const json = body === undefined ? undefined : JSON.stringify(body);
    const request = send(
      url,
      {
        method,
        headers: { accept: 'application/json', ...(json && { 'content-type': 'application/json' }), ...headers },
        signal,
        ...(ca === undefined ? {} : { ca }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxAnswerBytes) request.destroy(new Error('the answer is too large'));
          chunks.push(chunk);
        });
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
          else fail(`${url.host} answered with status ${response.statusCode}`);
        });
        response.on('error', (error) => fail(`${url.host}: ${error.message}`, error));
      },
    );
    request.on('error', (error) => fail(`${url.host}: ${signal.aborted ? 'no answer in time' : error.message}`, error));
    request.end(json);
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw credentialMissing(`${what}: ${url.host} did not answer with JSON`, cause);
  }
}

/** The text at a path of an object; undefined when there is none. */
export function tryText(value: unknown, ...path: readonly string[]): string | undefined {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return typeof found === 'string' ? found : undefined;
}
