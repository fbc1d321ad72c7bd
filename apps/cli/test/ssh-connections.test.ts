import type { ConnectionSpec } from '@weir/api';
import { describe, expect, it } from 'vitest';
import { specOfFlags } from '../src/gateway/connection-spec.ts';
import { pinHostKeys } from '../src/gateway/pin-host-keys.ts';

const base = { name: 'web', agent: 'pool', targetPort: '5432', tls: 'prefer' };
const key = (letter: string) => `SHA256:${letter.repeat(43)}`;

describe('an SSH host by flags', () => {
  it.each([
    ['deploy@web1', { user: 'deploy', host: 'web1', port: 22 }],
    ['deploy@web1:2222', { user: 'deploy', host: 'web1', port: 2222 }],
    ['deploy@[fd00::1]:2222', { user: 'deploy', host: 'fd00::1', port: 2222 }],
    ['alice@corp.example@web1', { user: 'alice@corp.example', host: 'web1', port: 22 }],
  ])('%s', (ssh, expected) => {
    const { target } = specOfFlags({ ...base, ssh });
    expect(target).toMatchObject({ protocol: 'ssh', ...expected, auth: 'certificate', hostKeys: [], jumps: [] });
  });

  it('takes a key from where passwords are found, jump hosts and pins', () => {
    const flags = { auth: 'private-key', passwordFile: '/etc/weir/key', jump: ['j@bastion'], hostKey: [key('A')] };
    expect(specOfFlags({ ...base, ssh: 'deploy@web1', ...flags }).target).toMatchObject({
      ...{ auth: 'private-key', secret: { from: 'file', path: '/etc/weir/key' }, hostKeys: [key('A')] },
      jumps: [{ host: 'bastion', port: 22, user: 'j' }],
    });
  });

  it.each([
    ['no user', { ssh: 'web1' }],
    ['a user that is an option', { ssh: '-oProxyCommand=x@web1' }],
    ['a key without a place', { ssh: 'deploy@web1', auth: 'private-key' }],
    ['a certificate with a secret', { ssh: 'deploy@web1', passwordEnv: 'X' }],
    ['a fingerprint that is none', { ssh: 'deploy@web1', hostKey: ['MD5:aa'] }],
  ])('refuses %s', (_what, flags) => {
    expect(() => specOfFlags({ ...base, ...flags })).toThrow(/host to sign in at|has errors/);
  });
});

describe('pinning host keys', () => {
  const hostKeysOf = (shown: Record<string, string>, jumps: string[] = []) => {
    const { target, ...spec } = specOfFlags({ ...base, ssh: 'deploy@web1', jump: jumps.map((host) => `j@${host}`) });
    let stored = { ...spec, target } as ConnectionSpec;
    let version = 1;
    const hops = () => {
      if (stored.target.protocol !== 'ssh') throw new Error('not SSH');
      return [...stored.target.jumps, stored.target];
    };
    return {
      hops,
      api: {
        getConnection: async () => ({ value: stored, version: String(version) }),
        putConnection: async (next: unknown, onlyIf: unknown) => {
          expect(onlyIf).toEqual({ version: String(version) });
          stored = next as ConnectionSpec;
          version += 1;
          return {} as never;
        },
        testConnection: async () => {
          const wrong = hops().find(({ host, hostKeys }) => !hostKeys.includes(shown[host] ?? ''));
          if (wrong === undefined)
            return { ok: false, steps: [{ name: 'sign-in as deploy', ok: false, detail: 'no' }] };
          const what = wrong.hostKeys.length === 0 ? 'the host key of' : 'THE HOST KEY OF';
          const detail = `${what} ${wrong.host}:22 is not known yet: ${shown[wrong.host]}`;
          return { ok: false, steps: [{ name: 'host key', ok: false, detail }] };
        },
      },
    };
  };

  it('pins each host on the way that somebody decides for, in order', async () => {
    const { api, hops } = hostKeysOf({ bastion: key('J'), web1: key('W') }, ['bastion']);
    const asked: unknown[] = [];
    const pinned = await pinHostKeys(api, 'web', async ({ where }) => asked.push(where) > 0);
    expect(asked).toEqual(['bastion:22', 'web1:22']);
    expect(pinned).toEqual([
      { where: 'bastion:22', fingerprint: key('J') },
      { where: 'web1:22', fingerprint: key('W') },
    ]);
    expect(hops().map(({ hostKeys }) => hostKeys)).toEqual([[key('J')], [key('W')]]);
  });

  it('pins nothing that nobody decides for, and says that a key has changed', async () => {
    const first = hostKeysOf({ web1: key('W') });
    await expect(pinHostKeys(first.api, 'web', async () => false)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(first.hops()[0]?.hostKeys).toEqual([]);
    await pinHostKeys(first.api, 'web', async () => true);
    const shown = { web1: key('X') };
    const second = {
      ...first.api,
      testConnection: async () => ({
        ok: false,
        steps: [
          {
            name: 'host key',
            ok: first.hops()[0]?.hostKeys[0] === shown.web1,
            detail: `THE HOST KEY OF web1:22 HAS CHANGED: ${shown.web1}`,
          },
        ],
      }),
    };
    await pinHostKeys(second, 'web', async ({ isChanged }) => isChanged);
    expect(first.hops()[0]?.hostKeys).toEqual([key('X')]);
  });

  it('says what keeps it from asking', async () => {
    const { api } = hostKeysOf({});
    const unreachable = {
      ...api,
      testConnection: async () => ({ ok: false, steps: [{ name: 'tcp', ok: false, detail: 'refused' }] }),
    };
    await expect(pinHostKeys(unreachable, 'web', async () => true)).rejects.toMatchObject({ why: 'tcp: refused' });
  });
});
