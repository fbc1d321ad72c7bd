import { catalogue, type ErrorCode, WeirError } from '@weir/errors';
import type { z } from 'zod';
import { type RouteName, routes } from './routes.ts';
import { problemSchema } from './schemas.ts';
import type { Authorizer } from './sign-in/token-holder.ts';

/** Where and as whom a client calls. */
export interface ApiClientOptions {
  /** Address of the API without a trailing path, e.g. `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  /** Bearer token, or a function that reads it for each call; undefined = not signed in. */
  readonly token?: string | (() => string | undefined) | undefined;
  /** Gives each request its authorization, instead of `token`; asked once more when the gateway does not accept it. */
  readonly authorizer?: Authorizer | undefined;
  /** Replaces the global fetch, e.g. by one that trusts the gateway's own CA. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Bound of one call until its headers arrive, milliseconds; 30,000 when absent. */
  readonly timeoutMs?: number | undefined;
}

/** One call: path parameters, query, body and headers of its own. */
export interface Call {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the call, also while its answer is being read. */
  readonly signal?: AbortSignal | undefined;
}

/** Calls a route by its name; the answer is the raw response, already known to be a success. */
export type Send = (route: RouteName, call?: Call) => Promise<Response>;

/** Makes the sender: builds the address from the route table, adds the token, turns every failure into a WeirError. */
export function createSend(options: ApiClientOptions): Send {
  const { baseUrl, authorizer, timeoutMs } = options;
  const fetchOf = options.fetch ?? globalThis.fetch;
  const attempt = async (route: RouteName, call: Call, key: string): Promise<Response> => {
    const { method, url } = addressOf(baseUrl, route, call);
    const token = typeof options.token === 'function' ? options.token() : options.token;
    const headers: Record<string, string> = {
      accept: 'application/json, application/problem+json',
      ...call.headers,
    };
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (authorizer !== undefined) Object.assign(headers, await authorizer.authorize(method, url));
    if (method === 'POST') headers['idempotency-key'] = key;
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) };
    const signal = call.signal === undefined ? {} : { signal: call.signal };
    return fetchFrom(baseUrl, url, { method, headers, redirect: 'error', ...body, ...signal }, fetchOf, timeoutMs);
  };
  return async (route, call = {}) => {
    // The same for all attempts: what the first one did is not done again.
    const key = crypto.randomUUID();
    const persistent = () =>
      patiently(() => onceMoreWhenBroken(/^(GET|POST) /.test(routes[route]), () => attempt(route, call, key)));
    const response = await persistent();
    if (response.ok) return response;
    const error = await errorOf(response);
    if (error.code !== 'sign_in_required' || authorizer === undefined || !(await authorizer.renew())) throw error;
    const again = await persistent();
    if (!again.ok) throw await errorOf(again);
    return again;
  };
}

/** Longest wait that a gateway may ask for, seconds. */
const maxWaitSeconds = 60;

/** When the gateway says that it was asked too often, waits as long as it says and asks once more. */
export async function patiently(attempt: () => Promise<Response>): Promise<Response> {
  const response = await attempt();
  const seconds = response.headers.get('retry-after') ?? '';
  if (response.status !== 429 || !/^\d{1,3}$/.test(seconds) || Number(seconds) > maxWaitSeconds) return response;
  await response.arrayBuffer();
  await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
  return attempt();
}

/** Tries once more when the connection broke before the answer came; refused and silent gateways are not asked again. */
async function onceMoreWhenBroken(mayRepeat: boolean, attempt: () => Promise<Response>): Promise<Response> {
  try {
    return await attempt();
  } catch (error) {
    if (!mayRepeat || !isBroken(error)) throw error;
    return attempt();
  }
}

function isBroken(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(String(cause.code))) return true;
  }
  return false;
}

/** Fetches with a bound until the headers arrive, 30 s when not given. @throws WeirError gateway_unavailable when nobody answers. */
export async function fetchFrom(
  gateway: string,
  url: string,
  init: RequestInit,
  fetchOf: typeof globalThis.fetch = globalThis.fetch,
  timeoutMs = 30_000,
): Promise<Response> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error('no answer in time')), timeoutMs);
  try {
    const signals = init.signal ? [init.signal, abort.signal] : [abort.signal];
    return await fetchOf(url, { ...init, signal: AbortSignal.any(signals) });
  } catch (cause) {
    throw new WeirError('gateway_unavailable', `The gateway at ${gateway} does not answer.`, {
      why: reasonOf(cause),
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a JSON answer and checks it. @throws WeirError protocol_violation when it is not what the contract says. */
export async function readJson<S extends z.ZodType>(response: Response, schema: S): Promise<z.output<S>> {
  const parsed = schema.safeParse(await bodyOf(response));
  if (parsed.success) return parsed.data;
  throw new WeirError('protocol_violation', 'The gateway gave an answer that this client does not understand.', {
    why: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
    fix: 'Check that the address is that of a Weir gateway, and that client and gateway have the same version.',
    cause: parsed.error,
  });
}

function addressOf(baseUrl: string, route: RouteName, call: Call): { method: string; url: string } {
  const [method = '', template = ''] = routes[route].split(' ');
  const path = template.replace(/:([a-z]+)/g, (_whole, name: string) => {
    const value = call.params?.[name];
    if (value === undefined) throw new TypeError(`route ${route} needs the parameter ${name}`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(key, String(value));
  const suffix = query.size === 0 ? '' : `?${query.toString()}`;
  return { method, url: `${baseUrl.replace(/\/+$/, '')}${path}${suffix}` };
}

async function bodyOf(response: Response): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    throw new WeirError('gateway_unavailable', 'The connection to the gateway broke.', { why: reasonOf(cause), cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new WeirError('protocol_violation', 'The answer is not JSON.', {
      why: `It starts with: ${text.slice(0, 60)}`,
      fix: 'Check that the address is that of a Weir gateway.',
      cause,
    });
  }
}

/** The error of an answer that is no success. */
export async function errorOf(response: Response): Promise<WeirError> {
  const parsed = problemSchema.safeParse(await bodyOf(response));
  if (!parsed.success) {
    return new WeirError('protocol_violation', `The address answered with HTTP status ${response.status}.`, {
      why: 'The body is not an error of a Weir gateway.',
      fix: 'Check that the address is that of a Weir gateway.',
    });
  }
  const { code, detail, why, fix } = parsed.data;
  const known: ErrorCode = Object.hasOwn(catalogue, code) ? (code as ErrorCode) : 'internal';
  return new WeirError(known, detail, { fix, ...(why === null ? {} : { why }) });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
