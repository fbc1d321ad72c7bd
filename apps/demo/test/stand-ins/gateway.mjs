// Stands in for the gateway: the few answers that the launcher needs, and a log of what it was asked.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

process.stdout.write(`pid ${process.pid}\n`);
const config = JSON.parse(readFileSync(process.argv[process.argv.indexOf('--config') + 1], 'utf8'));
const online = new Set();
const agents = {};
const answers = {
  'GET /healthz': () => ({ ok: true }),
  'POST /api/v1/login': (body) => {
    const user = config.bootstrap.users.find(({ name }) => name === body.user);
    return user?.password === body.password ? { token: 'a-token' } : undefined;
  },
  'POST /api/v1/logout': () => null,
  'PUT /api/v1/connections/demo-pg': (body) => {
    agents[body.name] = body.agent;
    return body;
  },
  'GET /api/v1/connections': () =>
    Object.entries(agents).map(([name, agent]) => ({ name, agentOnline: online.has(agent) })),
  'POST /api/v1/connections/demo-pg/test': () => ({ ok: true, steps: [] }),
  'POST /api/v1/agents/join-tokens': (body) => ({ token: `join ${body.agent} http://127.0.0.1:${config.api.port}` }),
  'DELETE /api/v1/agents/demo': () => null,
  'POST /online/demo': () => void online.add('demo') ?? null,
};

const server = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  process.stdout.write(`${request.method} ${request.url}\n`);
  const answer = answers[`${request.method} ${request.url}`]?.(text ? JSON.parse(text) : undefined);
  response.statusCode = answer === undefined ? 400 : 200;
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
