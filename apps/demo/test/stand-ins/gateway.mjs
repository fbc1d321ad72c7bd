// Stands in for the gateway: the few answers that the launcher needs, and a log of what it was asked.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

process.stdout.write(`pid ${process.pid}\n`);
const config = JSON.parse(readFileSync(process.argv[process.argv.indexOf('--config') + 1], 'utf8'));
const online = new Set();
const agents = {};
const issuer = `http://127.0.0.1:${config.api.port}`;
let state = '';
const answers = {
  'GET /healthz': () => ({ ok: true }),
  'GET /.well-known/oauth-authorization-server': () => ({
    issuer,
    authorization_endpoint: `${issuer}/oauth/auth`,
    token_endpoint: `${issuer}/oauth/token`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    device_authorization_endpoint: `${issuer}/oauth/device/auth`,
  }),
  'GET /oauth/auth': (_body, query) => {
    state = query.get('state');
    return { location: '/sign-in/1' };
  },
  'GET /sign-in/1': () => ({ csrf: 'csrf' }),
  'POST /sign-in/1': (body) => {
    const user = config.bootstrap.users.find(({ name }) => name === body.user);
    return user?.password === body.password ? { location: '/oauth/auth/1' } : undefined;
  },
  'GET /oauth/auth/1': () => ({
    location: `http://127.0.0.1/callback?${new URLSearchParams({ code: '1', state, iss: issuer })}`,
  }),
  'POST /oauth/token': () => ({
    access_token: 'a-token',
    refresh_token: 'another-token',
    token_type: 'DPoP',
    expires_in: 600,
  }),
  'POST /api/v1/logout': () => null,
  'PUT /api/v1/connections/demo-pg': (body) => {
    agents[body.name] = body.agent;
    return body;
  },
  'PUT /api/v1/connections/demo-ssh': (body) => {
    agents[body.name] = body.agent;
    process.stdout.write(`demo-ssh ${JSON.stringify(body.target)}\n`);
    return body;
  },
  'GET /api/v1/ssh': () => ({ targetAuthorities: [readFileSync(`${config.stateDir}/../ca.pub`, 'utf8').trim()] }),
  'GET /api/v1/connections': () =>
    Object.entries(agents).map(([name, agent]) => ({ name, agentOnline: online.has(agent) })),
  'POST /api/v1/connections/demo-pg/test': () => ({ ok: true, steps: [] }),
  'POST /api/v1/connections/demo-ssh/test': () => ({ ok: true, steps: [] }),
  'POST /api/v1/agents/join-tokens': (body) => ({ token: `join ${body.agent} http://127.0.0.1:${config.api.port}` }),
  'DELETE /api/v1/agents/demo': () => null,
  'POST /online/demo': () => void online.add('demo') ?? null,
};

const server = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  process.stdout.write(`${request.method} ${request.url}\n`);
  const { pathname, searchParams } = new URL(request.url, issuer);
  const body = request.headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined;
  const answer = answers[`${request.method} ${pathname}`]?.(body, searchParams);
  response.statusCode = answer === undefined ? 400 : 200;
  if (request.method === 'GET' && answer?.location !== undefined) {
    response.statusCode = 303;
    response.setHeader('location', answer.location);
  }
  response.end(answer === null ? '' : JSON.stringify(answer ?? {}));
});
server.listen(config.api.port, '127.0.0.1', () => {
  const ca = `${config.stateDir}/ca.pem`;
  writeFileSync(ca, 'the CA\n');
  const at = (name) => `127.0.0.1:${config[name].port}`;
  const runtime = {
    api: `http://${at('api')}`,
    front: at('front'),
    postgres: at('postgres'),
    tunnel: at('tunnel'),
    caFile: ca,
  };
  writeFileSync(config.runtimeFile, JSON.stringify(runtime));
});
process.on('SIGTERM', () => {
  process.stdout.write('gateway stops\n');
  process.exit(0);
});
