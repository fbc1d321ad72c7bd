import { isWeirError, WeirError } from '@weir/errors';
import type { AgentCredentials, LinkState, TunnelClient, TunnelClientOptions } from './agent-end.ts';
import { Backoff } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import type { RenewedIdentity } from './gateway-end.ts';
import { GatewayLink, type LinkEnd } from './gateway-link.ts';
import { parseAddress } from './network-address.ts';

/** Dials the gateway and keeps the link up. @throws WeirError invalid_request when the address does not parse */
export function createTunnelClient(options: TunnelClientOptions): TunnelClient {
  parseAddress(options.address);
  const keeper = new LinkKeeper(options);
  keeper.connect();
  return {
    get state() {
      return keeper.state;
    },
    setCredentials: (credentials) => keeper.setCredentials(credentials),
    renew: (certificateRequestDer) => keeper.renew(certificateRequestDer),
    close: async () => keeper.close(),
  };
}

class LinkKeeper {
  state: LinkState = { state: 'connecting', attempt: 1 };
  credentials: AgentCredentials;
  private readonly options: TunnelClientOptions;
  private readonly clock: Clock;
  private readonly backoff: Backoff;
  private link: GatewayLink | undefined;
  private connectedAt: number | undefined;
  private cancelWait: (() => void) | undefined;

  constructor(options: TunnelClientOptions) {
    this.options = options;
    this.credentials = options.credentials;
    this.clock = options.clock ?? systemClock;
    this.backoff = new Backoff(options.random ?? Math.random);
  }

  connect(): void {
    if (this.state.state === 'stopped') return;
    this.connectedAt = undefined;
    this.become({ state: 'connecting', attempt: this.backoff.attempt + 1 });
    try {
      this.link = new GatewayLink(this.options, this.credentials, this.clock, {
        onConnected: (gatewayVersion) => {
          this.connectedAt = this.clock.now();
          this.become({ state: 'connected', gatewayVersion });
        },
        onEnded: (end) => this.ended(end),
      });
    } catch (error) {
      const known = isWeirError(error) ? error : new WeirError('internal', 'The link cannot start.', { cause: error });
      this.ended({ error: known });
    }
  }

  setCredentials(credentials: AgentCredentials): void {
    this.credentials = credentials;
    if (this.state.state !== 'waiting') return;
    this.cancelWait?.();
    this.connect();
  }

  renew(certificateRequestDer: Uint8Array): Promise<RenewedIdentity> {
    if (this.link === undefined || this.state.state !== 'connected') {
      return Promise.reject(new WeirError('gateway_unavailable', 'The agent is not connected to its gateway.'));
    }
    return this.link.renew(certificateRequestDer);
  }

  close(): void {
    if (this.state.state === 'stopped') return;
    this.stop('closed', 'The agent closed the link.');
    this.link?.end(new WeirError('gateway_unavailable', 'The agent is closing.'));
  }

  private ended({ error, revoked }: LinkEnd): void {
    this.link = undefined;
    if (this.state.state === 'stopped') return;
    const reason = error.why === undefined ? error.message : `${error.message} ${error.why}`;
    if (revoked !== undefined) {
      this.stop('revoked', reason);
      this.guard(() => this.options.onRevoke(revoked));
    } else {
      const stood = this.connectedAt === undefined ? 0 : this.clock.now() - this.connectedAt;
      const retryInMs = this.backoff.next(stood);
      this.cancelWait = this.clock.after(retryInMs, () => this.connect());
      this.become({ state: 'waiting', reason, retryInMs });
    }
  }

  private stop(cause: 'closed' | 'revoked', reason: string): void {
    this.cancelWait?.();
    this.become({ state: 'stopped', cause, reason });
  }

  private become(state: LinkState): void {
    this.state = state;
    this.guard(() => this.options.onState(state));
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.options.onProblem?.(error instanceof Error ? error : new Error('A callback threw.', { cause: error }));
    }
  }
}
