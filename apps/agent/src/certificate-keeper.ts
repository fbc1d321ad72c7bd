import { sign, X509Certificate } from 'node:crypto';
import { isWeirError, WeirError } from '@weir/errors';
import { recoveryClaim } from '@weir/proto';
import { type RenewedIdentity, recoverAgent, type TunnelClient } from '@weir/tunnel';
import { createCertificateRequest } from './certificate-request.ts';
import { log } from './log.ts';
import type { AgentState, AgentStateStore } from './state.ts';

/** How often the clock is looked at, ms: a timer for the whole time would stand still while a laptop sleeps. */
const checkIntervalMs = 1_000;
/** Until the next try after one that failed, ms; the second when the gateway has refused. */
const retryMs = { unreachable: 5_000, refused: 60_000 } as const;

/** Within what time agents renew whose CA will be dropped, ms: not all at once. */
const renewalSpreadMs = 5_000;
/** More certificates than the gateway ever has. */
const maxAuthorities = 4;

/** Keeps the certificate of a running agent good. */
export interface CertificateKeeper {
  /** Asks for a certificate at the front port when the last one has ended, or may have been replaced. Failures are logged: it is tried again. */
  recoverIfNeeded(): Promise<void>;
  /** Trusts these CAs (PEM) from now on; `isRenewalDue`: the certificate is of one that will be dropped. @throws WeirError invalid_request. */
  trust(ca: string, isRenewalDue: boolean): Promise<void>;
  /** Renews from now on. */
  start(client: TunnelClient): void;
  stop(): void;
}

/** Makes it. `instanceId` is that of the hello. */
export function createCertificateKeeper(store: AgentStateStore, instanceId: string): CertificateKeeper {
  let client: TunnelClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  let dueAtMs =
    store.current.isRenewing === true ? Date.now() + 1_000 : Date.now() + renewalDelayMs(store.current.certificate);

  /** A new key pair each time, stored before it is used. */
  const change = async (ask: (request: Buffer) => Promise<RenewedIdentity>, done: string): Promise<void> => {
    isBusy = true;
    try {
      const request = await createCertificateRequest();
      await store.change({ isRenewing: true });
      const trusted = store.current.ca;
      const { certificate, frontAddress = store.current.frontAddress, ...renewed } = await ask(request.der);
      // The link may have brought newer CAs meanwhile than the answer: then it may be of the old one, too.
      const isOvertaken = store.current.ca !== trusted;
      const ca = isOvertaken ? store.current.ca : (renewed.ca ?? trusted);
      await store.change({ certificate, key: request.key, ca, frontAddress, isRenewing: false });
      client?.setCredentials({ certificate, key: request.key, ca });
      dueAtMs = Date.now() + (isOvertaken ? retryMs.unreachable : renewalDelayMs(certificate));
      log('info', done);
    } catch (error) {
      const isRefused = isWeirError(error) && error.code !== 'gateway_unavailable';
      dueAtMs = Date.now() + (isRefused ? retryMs.refused : retryMs.unreachable);
      const text = error instanceof Error ? error.message : String(error);
      log('warn', `the certificate could not be renewed, trying again: ${text}`);
    } finally {
      isBusy = false;
    }
  };
  const recover = () =>
    change(
      (request) => askForRecovery(store.current, request, instanceId),
      'there is a new certificate in place of the one that had ended',
    );
  return {
    recoverIfNeeded: async () => {
      const { certificate, isRenewing, frontAddress } = store.current;
      // Of a renewal that was cut short nobody knows whether the gateway counts this certificate as replaced.
      const isNeeded = hasEnded(certificate) || (isRenewing === true && frontAddress !== undefined);
      if (isNeeded) await recover();
    },
    trust: async (ca, isRenewalDue) => {
      checkAuthorities(ca);
      await store.change({ ca });
      const { certificate, key } = store.current;
      client?.setCredentials({ certificate, key, ca });
      if (isRenewalDue) dueAtMs = Math.min(dueAtMs, Date.now() + Math.random() * renewalSpreadMs);
      log('info', 'the gateway has a new CA, or dropped an old one');
    },
    start: (started) => {
      client = started;
      timer = setInterval(() => {
        if (isBusy || Date.now() < dueAtMs) return;
        if (started.state.state === 'connected')
          void change((request) => started.renew(request), 'certificate renewed');
        // Without a link it may be the certificate that the gateway does not take any more, whatever this clock says.
        else if (started.state.state !== 'stopped') void recover();
      }, checkIntervalMs);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}

function askForRecovery(state: AgentState, certificateRequest: Buffer, instanceId: string): Promise<RenewedIdentity> {
  const { agentId, certificate, frontAddress, ca, key, nonce = '' } = state;
  if (frontAddress === undefined) {
    throw new WeirError(
      'not_permitted',
      'The certificate has ended, and the agent does not know where to get another.',
      {
        fix: 'Enrol it anew: weir agent token NAME',
      },
    );
  }
  const claim = {
    ...{ agentId, certificateRequest, instanceId, sentAtMs: Date.now() },
    certificate: new X509Certificate(certificate).raw,
    nonce: Buffer.from(nonce, 'base64'),
  };
  const signature = sign('sha256', recoveryClaim(claim), key);
  return recoverAgent({ address: frontAddress, ca, request: { ...claim, signature } });
}

/** An agent that stored nonsense would find no gateway any more. */
function checkAuthorities(ca: string): void {
  const found = ca.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (found.length > 0 && found.length <= maxAuthorities && found.every((pem) => new X509Certificate(pem).ca)) return;
  throw new WeirError('invalid_request', 'The gateway sent CAs that cannot be used.');
}

function hasEnded(certificate: string): boolean {
  return Date.parse(new X509Certificate(certificate).validTo) <= Date.now();
}

/** Two thirds of the rest of a certificate's life, ms. */
export function renewalDelayMs(certificate: string, nowMs = Date.now()): number {
  const endMs = Date.parse(new X509Certificate(certificate).validTo);
  return Math.min(Math.max(1_000, ((endMs - nowMs) * 2) / 3), 2 ** 31 - 1);
}
