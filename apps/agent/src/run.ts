import { randomUUID } from 'node:crypto';
import { capabilities, linkCapabilities } from '@weir/proto';
import { createAnalysisHost, createSessionRuntime } from '@weir/session';
import { createTunnelClient, type LinkState, type TunnelClient } from '@weir/tunnel';
import { createCertificateKeeper } from './certificate-keeper.ts';
import { createPasswordResolver } from './credentials/resolve-password.ts';
import { createSealingKey } from './credentials/sealing-key.ts';
import { createSshKey } from './credentials/ssh-key.ts';
import { log } from './log.ts';
import { createAgentStateStore, readAgentState } from './state.ts';
import { agentVersion } from './version.ts';

/** A running agent. */
export interface RunningAgent {
  /** Resolves when the gateway has ended the agent for good (revoked, replaced); the reason is for people. */
  readonly stopped: Promise<string>;
  close(): Promise<void>;
}

/** Dials out to the gateway and serves its channels until closed. @throws WeirError when the folder holds no enrolled agent. */
export async function runAgent(stateDir: string): Promise<RunningAgent> {
  const store = createAgentStateStore(stateDir, await readAgentState(stateDir));
  const instanceId = randomUUID();
  const keeper = createCertificateKeeper(store, instanceId);
  await keeper.recoverIfNeeded();
  const state = store.current;
  const analysis = createAnalysisHost();
  const sealingKey = createSealingKey();
  const sshKey = createSshKey();
  const resolvePassword = createPasswordResolver({ sealingKey });
  const runtime = createSessionRuntime({ analysis, resolvePassword, sshKey: sshKey.privateKey, now: Date.now, log });
  let stop: (reason: string) => void = () => undefined;
  const stopped = new Promise<string>((resolve) => {
    stop = resolve;
  });
  const client: TunnelClient = createTunnelClient({
    address: state.tunnelAddress,
    ca: state.ca,
    credentials: { certificate: state.certificate, key: state.key },
    hello: {
      version: agentVersion,
      capabilities: [...capabilities, ...linkCapabilities],
      instanceId,
      sealingKey: sealingKey.publicKeyDer,
      sshKey: sshKey.publicKey,
      pool: state.pool ?? '',
    },
    nonce: () => Buffer.from(store.current.nonce ?? '', 'base64'),
    storeNonce: (nonce) => store.change({ nonce: Buffer.from(nonce).toString('base64') }),
    onTrust: (ca, isRenewalDue) => keeper.trust(ca, isRenewalDue),
    onOpen: (openJson, channel) => runtime.open(openJson, channel),
    onPlanUpdate: (sessionId, plan) => runtime.replacePlan(sessionId, plan),
    onKill: (sessionId, reason) => runtime.kill(sessionId, reason),
    onTest: (target) => runtime.test(target),
    onRevoke: (reason) => log('error', `the gateway does not accept this agent any more: ${reason}`),
    onState(link) {
      report(link);
      if (link.state === 'stopped') stop(link.reason);
    },
    onProblem: (problem) => log('warn', problem.message),
  });

  keeper.start(client);

  return {
    stopped,
    async close() {
      keeper.stop();
      runtime.close();
      await client.close();
      await analysis.close();
    },
  };
}

function report(link: LinkState): void {
  if (link.state === 'connected') log('info', `connected to the gateway ${link.gatewayVersion}`);
  else if (link.state === 'waiting')
    log('warn', `no link to the gateway: ${link.reason}; next try in ${Math.round(link.retryInMs)} ms`);
  else if (link.state === 'stopped') log('info', `stopped: ${link.reason}`);
}
