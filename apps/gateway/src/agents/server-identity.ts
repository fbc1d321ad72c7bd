import type { Log } from '../log/create-log.ts';
import type { Authorities } from './authorities.ts';

/** TLS material of the gateway's listeners, PEM. `certificate` is the leaf followed by its CA, `ca` all that sign agents. */
export interface ServerMaterial {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

/** The listeners' certificate, renewed when two thirds of its life are over and when the CAs change. */
export interface ServerIdentity {
  current(): ServerMaterial;
  /** Told of each new certificate; new connections must use it. */
  onRenewed(listener: (material: ServerMaterial) => void): void;
  stop(): void;
}

/** How often the certificate's age is looked at. */
const checkIntervalMs = 3_600_000;

/** Issues the first certificate and keeps it fresh. Its key lives in memory alone. */
export async function createServerIdentity(parts: {
  readonly ca: Pick<Authorities, 'bundle' | 'issueServer' | 'onChange'>;
  readonly hosts: readonly string[];
  readonly now: () => number;
  readonly log: Log;
}): Promise<ServerIdentity> {
  const { ca, hosts, now, log } = parts;
  const listeners: ((material: ServerMaterial) => void)[] = [];
  let renewAtMs = 0;
  const issue = async (): Promise<ServerMaterial> => {
    const at = now();
    const issued = await ca.issueServer(hosts, at);
    renewAtMs = at + ((issued.expiresAt.getTime() - at) * 2) / 3;
    return { certificate: issued.certificate, key: issued.key, ca: ca.bundle };
  };
  let material = await issue();
  const renew = async (): Promise<void> => {
    material = await issue();
    log.info('the certificate of the listeners was renewed');
    for (const listener of listeners) listener(material);
  };
  ca.onChange(renew);
  const renewIfDue = async (): Promise<void> => {
    if (now() >= renewAtMs) await renew();
  };
  const timer = setInterval(() => {
    renewIfDue().catch((error: unknown) => log.error('the certificate of the listeners could not be renewed', error));
  }, checkIntervalMs);
  timer.unref();
  return {
    current: () => material,
    onRenewed: (listener) => {
      listeners.push(listener);
    },
    stop: () => clearInterval(timer),
  };
}
