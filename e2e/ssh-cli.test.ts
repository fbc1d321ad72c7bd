import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWeirCli, type WeirCli } from './fixture/cli.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';

const describe = openSshLane();

describe('weir ssh', () => {
  let ssh: SshSystem;
  let alice: WeirCli;
  beforeAll(async () => {
    ssh = await startSshSystem();
    alice = createWeirCli(ssh.system, 'alice');
    expect(await alice.login()).toMatchObject({ status: 0 });
  }, 180_000);
  afterAll(() => ssh?.stop());

  it('passes standard output, standard error and the exit status through', async () => {
    const ran = await alice.run(['ssh', 'demo-ssh', '--', 'echo out; echo err >&2; exit 7']);
    expect(ran).toMatchObject({ status: 7, stdout: 'out\n', stderr: 'err\n' });
  });
});
