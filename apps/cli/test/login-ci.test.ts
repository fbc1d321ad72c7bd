import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayStub, startGatewayStub } from './fixture/gateway-stub.ts';
import { newFolder, runWeir } from './fixture/run-weir.ts';

let gateway: GatewayStub;
let file: string;
beforeAll(async () => {
  gateway = await startGatewayStub();
  file = join(newFolder(), 'token');
  writeFileSync(file, 'job-token\n');
});
afterAll(() => gateway.close());

const login = (env: Record<string, string>, ...more: string[]) =>
  runWeir(['login', '--ci', '--gateway', gateway.url, ...more], { home: newFolder(), env });
const sent = () => {
  const body = gateway.asked.findLast(({ what }) => what === 'POST /oauth/token')?.body ?? '';
  return Object.fromEntries(new URLSearchParams(body));
};

describe('weir login --ci', () => {
  it.each<[string, Record<string, string>, string[], string, string]>([
    [
      'the named file before all others',
      { GITLAB_CI: 'true', WEIR_ID_TOKEN: 'x' },
      ['--token-file', 'FILE'],
      'jwt',
      'job-token',
    ],
    ['the file of the environment', { WEIR_TOKEN_FILE: 'FILE', GITLAB_CI: 'true' }, [], 'jwt', 'job-token'],
    ["GitLab's token", { GITLAB_CI: 'true', WEIR_ID_TOKEN: 'gitlab-token\n' }, [], 'jwt', 'gitlab-token'],
    ['a key', { WEIR_SERVICE_KEY: 'weir_key_1' }, [], 'service-key', 'weir_key_1'],
    ['a key of a file', {}, ['--key-file', 'FILE'], 'service-key', 'job-token'],
    ['a token before a key', { WEIR_ID_TOKEN: 'token-1', WEIR_SERVICE_KEY: 'weir_key_1' }, [], 'jwt', 'token-1'],
  ])('sends %s', async (_what, env, args, type, secret) => {
    const put = (text: string) => (text === 'FILE' ? file : text);
    const filled = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, put(value)]));
    const run = await login(filled, ...args.map(put));
    expect(run.status).toBe(0);
    const { subject_token_type: sentType = '', ...body } = sent();
    expect(body).toEqual({
      client_id: 'weir-machine',
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: secret,
    });
    expect(sentType.split(':').at(-1)).toBe(type);
    expect(run.stdout + run.stderr).not.toContain(secret);
  });

  it('names rule and person', async () => {
    expect((await login({ WEIR_ID_TOKEN: 't' }, '--rule', 'deploys', '--acting-for', 'anna')).status).toBe(0);
    expect(sent()).toMatchObject({ rule: 'deploys', acting_for: 'anna' });
  });

  it.each<[string, Record<string, string>, string[], string]>([
    ['no platform', {}, [], '--token-file FILE'],
    ['GitHub without permission', { GITHUB_ACTIONS: 'true' }, [], 'id-token: write'],
    ['GitLab without id_tokens', { GITLAB_CI: 'true' }, [], 'id_tokens: { WEIR_ID_TOKEN: { aud: http://127.0.0.1'],
    [
      'Kubernetes without a projected token',
      { KUBERNETES_SERVICE_HOST: '10.0.0.1' },
      [],
      '/var/run/secrets/weir/token',
    ],
    ['a file that is not there', {}, ['--token-file', '/nowhere'], '/nowhere cannot be read'],
    ['an empty file', {}, ['--token-file', '/dev/null'], '/dev/null is empty'],
    [
      'a token service without TLS',
      { ACTIONS_ID_TOKEN_REQUEST_URL: 'http://evil.example.com/', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner-secret' },
      [],
      'is no https address',
    ],
    ['a gateway without TLS', { WEIR_ID_TOKEN: 't' }, ['--gateway', 'http://weir.example.com'], 'is not encrypted'],
  ])('says what is missing: %s', async (_what, env, args, message) => {
    const before = gateway.asked.length;
    const run = await login(env, ...args);
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain(message);
    expect(gateway.asked.slice(before).filter(({ what }) => what === 'POST /oauth/token')).toEqual([]);
  });

  it('belongs to --ci', async () => {
    const run = await runWeir(['login', '--gateway', gateway.url, '--token-file', file], { home: newFolder() });
    expect(run.stderr).toContain('Add --ci.');
  });
});
