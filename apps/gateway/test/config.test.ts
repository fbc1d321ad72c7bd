import { isWeirError } from '@weir/errors';
import { parseConfig } from '@weir/gateway';
import { describe, expect, test } from 'vitest';

const good = `stateDir: ./state
api: { port: 0 }
front: { port: 0 }
tunnel: { port: 0 }
postgres: { port: 0 }
`;

function problem(text: string): string {
  try {
    parseConfig(text, '/etc/weir/gateway.yaml');
  } catch (error) {
    if (isWeirError(error)) return `${error.message}\n${error.why}\n${error.fix}`;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('configuration', () => {
  test('has defaults, and paths relative to its file', () => {
    const config = parseConfig(
      `${good}bootstrap: { policyFiles: [policy.yaml, /abs.yaml] }\n`,
      '/etc/weir/gateway.yaml',
    );
    expect(config).toMatchObject({
      stateDir: '/etc/weir/state',
      api: { host: '127.0.0.1', port: 0 },
      store: { embedded: true },
      recordings: { dir: '/etc/weir/state' },
      runtimeFile: '/etc/weir/state/gateway.json',
      sessions: { ttlSeconds: 28_800 },
      bootstrap: { policyFiles: ['/etc/weir/policy.yaml', '/abs.yaml'] },
    });
  });

  test.each([
    ['a missing setting', good.replace('front: { port: 0 }\n', ''), '/etc/weir/gateway.yaml:1: front: is missing'],
    ['an unknown setting', `${good}stroe: {}\n`, ':1: unknown setting "stroe"'],
    [
      'an unknown setting inside',
      good.replace('tunnel: { port: 0 }', 'tunnel: { port: 0, tls: 1 }'),
      ':4: tunnel: unknown setting "tls"',
    ],
    ['a wrong type', good.replace('front: { port: 0 }', 'front: { port: http }'), ':3: front.port: '],
    ['a port out of range', good.replace('front: { port: 0 }', 'front: { port: 70000 }'), ':3: front.port: '],
    ['broken YAML', `${good}store: [\n`, 'not YAML'],
    [
      'plain http for the network',
      good.replace('api: { port: 0 }', 'api: { host: 0.0.0.0, port: 0 }'),
      ':2: api.host: plain http',
    ],
    [
      'a store that is none',
      `${good}store: { url: "mysql://x" }\n`,
      ':6: store.url: write an address like postgresql://',
    ],
    [
      'a program with the name of one of the gateway',
      `${good}identity: { clients: [{ id: weir-cli, name: x, redirectUris: ["https://x.example/"] }] }\n`,
      "names that begin with weir- are the gateway's own",
    ],
    [
      'two programs with one name',
      `${good}identity: { clients: [${'{ id: x, name: x, redirectUris: ["https://x.example/"] }, '.repeat(2)}] }\n`,
      'two clients have the same id',
    ],
    [
      'a program that gets codes on loopback and elsewhere',
      `${good}identity: { clients: [{ id: x, name: x, redirectUris: ["https://x.example/", "http://127.0.0.1/"] }] }\n`,
      'all addresses of a client are https, or all are http on loopback',
    ],
    [
      'a program that gets codes by plain http',
      `${good}identity: { clients: [{ id: x, name: x, redirectUris: ["http://x.example/"] }] }\n`,
      'plain http is for 127.0.0.1',
    ],
    ['a store that is both', `${good}store: { embedded: true, url: "postgresql://x" }\n`, ':6: store: write either'],
    [
      'a user without a password',
      `${good}bootstrap: { users: [{ name: a }] }\n`,
      'give either password or passwordFile',
    ],
    [
      'a name that fits no address',
      `${good}bootstrap: { users: [{ name: "A b", password: longenough }] }\n`,
      ':6: bootstrap.users.0.name: ',
    ],
    ['an empty file', '', ':1: stateDir: is missing'],
    ['a list', '- a\n', ':1: '],
  ])('%s is named by file and line', (_name, text, expected) => {
    expect(problem(text)).toContain(expected);
  });

  test.each(['localhost', '127.0.0.1', '127.9.9.9', '::1'])('plain http is fine on %s', (host) => {
    expect(parseConfig(good.replace('api: { port: 0 }', `api: { host: "${host}", port: 0 }`), 'x').api.host).toBe(host);
  });

  test('with TLS the API may be reached from anywhere', () => {
    const api = 'api: { host: 0.0.0.0, port: 0, tls: { certificateFile: a.crt, keyFile: a.key } }';
    expect(parseConfig(good.replace('api: { port: 0 }', api), '/etc/weir/x').api.tls?.keyFile).toBe('/etc/weir/a.key');
  });
});
