import { randomUUID, X509Certificate } from 'node:crypto';
import { capabilities } from '@weir/proto';
import { createAnalysisHost, createSessionRuntime } from '@weir/session';
import { createTunnelClient, type LinkState, type TunnelClient } from '@weir/tunnel';
import { createCertificateRequest } from './certificate-request.ts';
import { createPasswordResolver } from './credentials/resolve-password.ts';
import { createSealingKey } from './credentials/sealing-key.ts';
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
  const state = store.current;
  const analysis = createAnalysisHost();
  const sealingKey = createSealingKey();
  const resolvePassword = createPasswordResolver({ sealingKey });
  const runtime = createSessionRuntime({ analysis, resolvePassword, now: Date.now, log });
  let renewal: NodeJS.Timeout | undefined;
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
      capabilities: [...capabilities],
      instanceId: randomUUID(),
      sealingKey: sealingKey.publicKeyDer,
    },
    nonce: () => Buffer.from(store.current.nonce ?? '', 'base64'),
    storeNonce: (nonce) => store.change({ nonce: Buffer.from(nonce).toString('base64') }),
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

  const scheduleRenewal = (certificate: string) => {
    renewal = setTimeout(() => void renew(certificate), renewalDelayMs(certificate));
    renewal.unref();
  };
  /** A new key pair each time, stored before it is used. */
  const renew = async (current: string) => {
    try {
      const request = await createCertificateRequest();
      await store.change({ isRenewing: true });
      const { certificate } = await client.renew(request.der);
      await store.change({ certificate, key: request.key, isRenewing: false });
      client.setCredentials({ certificate, key: request.key });
      log('info', 'certificate renewed');
      scheduleRenewal(certificate);
    } catch (error) {
      log(
        'warn',
        `the certificate could not be renewed, trying again: ${error instanceof Error ? error.message : error}`,
      );
      renewal = setTimeout(() => void renew(current), store.current.isRenewing === true ? 5_000 : 60_000);
      renewal.unref();
    }
  };
  if (state.isRenewing === true) {
    // The gateway takes the certificate before a renewal for a minute only.
    renewal = setTimeout(() => void renew(state.certificate), 1_000);
    renewal.unref();
  } else scheduleRenewal(state.certificate);

  return {
    stopped,
    async close() {
      clearTimeout(renewal);
      runtime.close();
      await client.close();
      await analysis.close();
    },
  };
}

/** Two thirds of the rest of a certificate's life, ms. */
export function renewalDelayMs(certificate: string, nowMs = Date.now()): number {
  const endMs = Date.parse(new X509Certificate(certificate).validTo);
  return Math.min(Math.max(1_000, ((endMs - nowMs) * 2) / 3), 2 ** 31 - 1);
}

function report(link: LinkState): void {
  if (link.state === 'connected') log('info', `connected to the gateway ${link.gatewayVersion}`);
  else if (link.state === 'waiting')
    log('warn', `no link to the gateway: ${link.reason}; next try in ${Math.round(link.retryInMs)} ms`);
  else if (link.state === 'stopped') log('info', `stopped: ${link.reason}`);
}
