import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { newFolder, runWeir } from './fixture/run-weir.ts';

const rule = (name: string, ref: string) => `apiVersion: weir.dev/v1
kind: WorkloadTrust
metadata: { name: ${name} }
spec:
  issuer: https://ci.example.com
  audience: weir
  claims: { repository: acme/shop, ref: ${ref} }
  identity: ci-${name}
  groups: [deployers]
`;
const claims = { iss: 'https://ci.example.com', aud: 'weir', repository: 'acme/shop', ref: 'main' };
const tokenOf = (payload: object) => `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;

let folder: string;
beforeAll(() => {
  folder = newFolder();
  writeFileSync(join(folder, 'policy.yaml'), `${rule('main', 'main')}---\n${rule('release', 'v1')}`);
});

const trust = (file: string, text: string, ...more: string[]) => {
  writeFileSync(join(folder, file), text);
  const option = file.endsWith('.jwt') ? '--token-file' : '--claims';
  return runWeir(['policy', 'trust', join(folder, 'policy.yaml'), option, join(folder, file), ...more], {
    home: folder,
  });
};

describe('weir policy trust', () => {
  it.each([
    ['a token', 'token.jwt', `${tokenOf(claims)}\n`],
    ['claims', 'claims.json', JSON.stringify(claims)],
  ])('names the rule that takes %s', async (_what, file, text) => {
    expect(await trust(file, text)).toMatchObject({
      status: 0,
      stdout: 'main takes it: ci-main (deployers) for 15m.\n',
    });
    expect(JSON.parse((await trust(file, text, '--json')).stdout)).toEqual({ rule: 'main', identity: 'ci-main' });
  });

  it('says why each rule does not', async () => {
    const { status, stdout } = await trust('token.jwt', tokenOf({ ...claims, ref: 'evil' }));
    expect({ status, stdout }).toEqual({
      status: 1,
      stdout: 'main: its claim ref is "evil", not "main"\nrelease: its claim ref is "evil", not "v1"\n',
    });
    expect((await trust('token.jwt', tokenOf({ ...claims, iss: 'https://x' }))).stdout).toBe(
      'No rule trusts the issuer https://x.\n',
    );
    expect((await trust('token.jwt', tokenOf(claims), '--rule', 'release')).stdout).toBe(
      'release: its claim ref is "main", not "v1"\n',
    );
  });

  it.each([
    ['no token', 'a.jwt', 'my-secret-token'],
    ['a token without claims', 'a.jwt', 'e30.bXktc2VjcmV0LXRva2Vu.c2ln'],
    ['a list of claims', 'a.json', '["my-secret-token"]'],
  ])('refuses %s without showing it', async (_what, file, text) => {
    const { status, stdout, stderr } = await trust(file, text);
    expect(status).toBe(2);
    expect(stderr).toContain('is not a');
    expect(stdout + stderr).not.toContain('my-secret-token');
  });
});
