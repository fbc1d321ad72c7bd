import { setTimeout as sleep } from 'node:timers/promises';
import { type Authorizer, holdPasswordSignIn } from '@weir/api';
import { WeirError } from '@weir/errors';

/** The few calls of the gateway's API that the launcher makes, as the demo's administrator. */
export interface GatewayApi {
  putConnection(spec: { readonly name: string }): Promise<void>;
  /** True when the connection's agent is connected. */
  isAgentOnline(connection: string): Promise<boolean>;
  /** Steps of the connection test that failed, one sentence each; empty = all is well. */
  testConnection(name: string): Promise<readonly string[]>;
  /** The text of a one-use join token. */
  createJoinToken(agent: string): Promise<string>;
  revokeAgent(name: string): Promise<void>;
  /** Public keys of the CAs that sign for SSH hosts. */
  sshAuthorities(): Promise<readonly string[]>;
  logout(): Promise<void>;
}

/** Does the gateway answer that it is healthy? False while it cannot be reached. */
export async function isHealthy(api: string): Promise<boolean> {
  try {
    const response = await fetch(`${api}/healthz`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch (error) {
    // fetch rejects with TypeError for the network and with TimeoutError: not healthy yet. Anything else is our own fault.
    if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) return false;
    throw error;
  }
}

/** Signs in. Throws WeirError when the gateway refuses. */
export async function signIn(api: string, user: string, password: string): Promise<GatewayApi> {
  const authorizer = await holdPasswordSignIn(api, { user, password });
  const call = (method: string, path: string, body?: unknown): Promise<unknown> =>
    send(api, method, path, authorizer, body);
  return {
    putConnection: async (spec) => {
      await call('PUT', `/api/v1/connections/${spec.name}`, spec);
    },
    isAgentOnline: async (connection) => {
      const list = (await call('GET', '/api/v1/connections')) as { name: string; agentOnline: boolean }[];
      return list.some((entry) => entry.name === connection && entry.agentOnline);
    },
    testConnection: async (name) => {
      const result = (await call('POST', `/api/v1/connections/${name}/test`)) as {
        ok: boolean;
        steps: { name: string; ok: boolean; detail: string }[];
      };
      const failed = result.steps.filter((step) => !step.ok).map((step) => `${step.name}: ${step.detail}`);
      return result.ok ? [] : [...failed, ...(failed.length === 0 ? ['it failed without naming a step'] : [])];
    },
    createJoinToken: async (agent) => {
      const answer = (await call('POST', '/api/v1/agents/join-tokens', { agent })) as { token: string };
      return answer.token;
    },
    revokeAgent: async (name) => {
      await call('DELETE', `/api/v1/agents/${name}`);
    },
    sshAuthorities: async () => {
      const answer = (await call('GET', '/api/v1/ssh')) as { targetAuthorities: readonly string[] };
      return answer.targetAuthorities;
    },
    logout: async () => {
      await call('POST', '/api/v1/logout');
    },
  };
}

async function send(
  api: string,
  method: string,
  path: string,
  authorizer: Authorizer,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(api + path, {
    method,
    headers: {
      ...(await authorizer.authorize(method, api + path)),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new WeirError('internal', `The gateway answered ${response.status} to ${method} ${path}.`, {
      why: text.slice(0, 500),
    });
  }
  return text === '' ? undefined : JSON.parse(text);
}

/** Asks again every 100 ms until the answer is true; false when the time is over. */
export async function becomesTrue(ask: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (!(await ask())) {
    if (Date.now() > end) return false;
    await sleep(100);
  }
  return true;
}
