import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireStateLock } from '@weir/embedded-postgres';
import { loadAuthorities } from './agents/authorities.ts';
import { caFileOf, createAuthorityVault } from './agents/authority-vault.ts';
import { createServerIdentity, type ServerIdentity } from './agents/server-identity.ts';
import { createAuditLog } from './audit/audit-log.ts';
import { applyBootstrap, writeJoinTokens } from './config/bootstrap.ts';
import type { GatewayConfig } from './config/config-schema.ts';
import { loadSecretKey } from './config/secret-key.ts';
import { writeFileAtomically } from './config/write-file.ts';
import { type Capabilities, createCapabilities } from './control/capabilities.ts';
import { addressText, createDataPlaneLink, type RunningDataPlane } from './control/data-plane-link.ts';
import { loadKeyProvider } from './credentials/load-key-provider.ts';
import type { ControlPlane, Journal, SshAuthenticator } from './dataplane/ports.ts';
import { type ApiServer, startApiServer } from './http/api-server.ts';
import { createIdempotentAnswers } from './http/idempotent-answers.ts';
import { openProviders } from './identity/providers/open-providers.ts';
import { openScimTokens } from './identity/scim/scim-tokens.ts';
import type { Log } from './log/create-log.ts';
import { openChannels } from './notifications/open-channels.ts';
import { createJournal, loadOrCreateRecordingKeys, type SyncFile } from './recordings/index.ts';
import { loadSshAuthorities } from './ssh/ssh-authorities.ts';
import { createSshVault } from './ssh/ssh-vault.ts';
import { createAnchorStore } from './store/anchor-store.ts';
import { openStore, type Store } from './store/open-store.ts';
import { createRepositories, type Repositories } from './store/repositories.ts';
import { gatewayVersion } from './version.ts';
import { createLiveFeeds } from './watching/live-feeds.ts';

/** What the data plane is started with. */
export interface DataPlaneIngredients {
  readonly config: GatewayConfig;
  readonly serverIdentity: ServerIdentity;
  readonly controlPlane: ControlPlane;
  readonly sshAuthenticator: SshAuthenticator;
  readonly journal: Journal;
  /** 32 bytes, the same at every start: equal values get equal masks. */
  readonly maskingKey: Buffer;
  readonly log: Log;
}

/** How to run a gateway. */
export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly log: Log;
  readonly startDataPlane: (ingredients: DataPlaneIngredients) => Promise<RunningDataPlane>;
  /** How the journal makes its file durable; fdatasync when absent. */
  readonly sync?: SyncFile;
  /** Milliseconds since the epoch; the system's clock when absent. */
  readonly now?: () => number;
}

/** Content of the runtime file. */
export interface GatewayAddresses {
  readonly pid: number;
  /** Base URL of the API. */
  readonly api: string;
  /** host:port */
  readonly front: string;
  readonly tunnel: string;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly ssh?: { readonly host: string; readonly port: number };
  /** PEM of the gateway's CA. */
  readonly caFile: string;
}

/** A running gateway. */
export interface Gateway {
  readonly addresses: GatewayAddresses;
  readonly capabilities: Capabilities;
  readonly repositories: Repositories;
  readonly store: Store;
  /** Every route of the API, e.g. `GET /api/v1/users/:name`. */
  readonly routes: readonly string[];
  /** Settles when the gateway cannot go on (its store is lost). */
  readonly lost: Promise<Error>;
  /** Ends sessions, listeners, journal and store, in this order. Safe to call again. */
  close(): Promise<void>;
}

/** Starts everything in order of dependence; what was started is stopped again when a later part fails. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const undo: Undo = [];
  const closeAll = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
      try {
        await step();
      } catch (error) {
        options.log.error('a part of the gateway did not stop cleanly', error);
      }
    }
  };
  try {
    const started = await start(options, undo);
    let closing: Promise<void> | undefined;
    return {
      ...started,
      close: () => {
        closing ??= closeAll();
        return closing;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

type Undo = (() => Promise<void> | void)[];

async function start(options: GatewayOptions, undo: Undo): Promise<Omit<Gateway, 'close'>> {
  const { config, log, now = Date.now } = options;
  const { store, repositories, audit, journal, feeds } = await openState(options, undo);
  const keys = await loadKeyProvider(config.stateDir, config.keys);
  const { stateDir } = config;
  const vault = createAuthorityVault({ authorities: repositories.authorities, stateDir, keys, audit, now });
  const ca = await loadAuthorities(vault, stateDir);
  const ssh = await loadSshAuthorities(createSshVault({ authorities: repositories.sshAuthorities, keys, audit, now }));
  const [publicHost] = config.publicHost;
  const dataPlane = createDataPlaneLink(publicHost);
  const capabilities = createCapabilities({
    ...{ config, repositories, ca, ssh, journal, feeds, audit, dataPlane, log, now },
    openChannels: await openChannels(config.notifications, now),
    providers: await openProviders(config.identity.providers, now),
    keys,
    browserKey: await loadSecretKey(config.stateDir, 'browser'),
    scimTokens: await openScimTokens(config.identity.scim?.tokens ?? [], log),
    version: gatewayVersion,
    ping: () => store.ping(),
  });
  await capabilities.policies.load();
  await capabilities.sessions.recover();
  await capabilities.approvalClock.start();
  await capabilities.grantClock.start();
  undo.push(() => capabilities.grantClock.stop());
  undo.push(() => capabilities.approvalClock.stop());
  await capabilities.notifications.start();
  undo.push(() => capabilities.notifications.stop());
  await applyBootstrap(config.bootstrap, capabilities);
  await capabilities.upstreamWatch.start();
  undo.push(() => capabilities.upstreamWatch.stop());

  const serverIdentity = await createServerIdentity({ ca, hosts: config.publicHost, now, log });
  undo.push(() => serverIdentity.stop());
  const maskingKey = await loadSecretKey(config.stateDir, 'masking');
  const { controlPlane, modules, identity, authorizationServer } = capabilities;
  const running = await options.startDataPlane({
    ...{ config, serverIdentity, controlPlane, journal, maskingKey, log },
    sshAuthenticator: capabilities.ssh.authenticator,
  });
  dataPlane.attach(running);
  await capabilities.authorityRotation.start();
  undo.push(() => capabilities.authorityRotation.stop());
  await capabilities.ssh.rotation.start();
  undo.push(() => capabilities.ssh.rotation.stop());
  undo.push(() => running.close());
  undo.push(() => capabilities.sessions.close('the gateway stopped'));
  const cursorKey = await loadSecretKey(config.stateDir, 'cursors');
  const answers = repositories.idempotentAnswers;
  await answers.loseRunning();
  const idempotentAnswers = createIdempotentAnswers({
    ...{ answers, log, now },
    key: await loadSecretKey(config.stateDir, 'answers'),
  });
  const api = await startApiServer({
    ...{ api: config.api, cursorKey, idempotentAnswers, modules, identity, authorizationServer, log },
  });
  undo.push(() => api.close());
  await authorizationServer.open(issuerOf(config, api));
  undo.push(() => authorizationServer.stop());
  await writeJoinTokens(config.bootstrap, capabilities.agents);
  const detail = { version: gatewayVersion };
  await audit.append({ actor: 'gateway', action: 'gateway-started', subject: 'gateway', detail });
  const addresses = addressesOf(running, api.url, config.stateDir);
  undo.push(() => rm(config.runtimeFile, { force: true }));
  await writeFileAtomically(config.runtimeFile, `${JSON.stringify(addresses, null, 2)}\n`);
  log.info('the gateway is ready', { api: api.url, front: addresses.front, tunnel: addresses.tunnel });
  return { addresses, capabilities, repositories, store, routes: api.routes, lost: store.lost };
}

/** Opens what outlives the process: state folder, store, audit log, journal. */
async function openState({ config, log, sync, now = Date.now }: GatewayOptions, undo: Undo) {
  const { stateDir } = config;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const lock = await acquireStateLock(join(stateDir, 'gateway.lock'), `The state folder ${stateDir}`);
  undo.push(() => lock.release());
  // What a killed gateway left here would look like a gateway that is ready.
  await rm(config.runtimeFile, { force: true });
  const store = await openStore({ stateDir, store: config.store, log: (message) => log.info(message) });
  undo.push(() => store.close());
  const repositories = createRepositories(store, await loadSecretKey(stateDir, 'content'));
  const audit = createAuditLog(repositories.audit, { now, log });
  undo.push(() => audit.flush());
  const feeds = createLiveFeeds();
  const journal = await createJournal({
    onEntry: feeds.arrived,
    dir: config.recordings.dir,
    anchors: createAnchorStore(repositories.anchors),
    now,
    log: recordingLog(log),
    onDamage: (subject, why) => audit.later({ actor: 'gateway', action: 'evidence-damaged', subject, detail: { why } }),
    ...(sync === undefined ? {} : { sync }),
    ...(await loadOrCreateRecordingKeys(join(stateDir, 'keys'))),
  });
  undo.push(() => journal.close());
  undo.push(() => feeds.endAll());
  journal.onBroken(() => feeds.endAll());
  return { store, repositories, audit, journal, feeds };
}

/** Under which address clients and browsers reach the gateway: as configured, else by its first public name, else by where it listens. */
function issuerOf({ identity, api, publicHost }: GatewayConfig, { url, port }: ApiServer): string {
  if (identity.issuer !== undefined) return identity.issuer.replace(/\/+$/, '');
  const [name] = publicHost;
  return api.tls === undefined || name === undefined ? url : `https://${name}:${port}`;
}

function addressesOf(running: RunningDataPlane, api: string, stateDir: string): GatewayAddresses {
  const { front, tunnel, postgres, ssh } = running.addresses;
  return {
    pid: process.pid,
    api,
    front: addressText(front),
    tunnel: addressText(tunnel),
    postgres,
    ...(ssh === undefined ? {} : { ssh }),
    caFile: caFileOf(stateDir),
  };
}

/** The journal logs facts as objects; a log line takes plain values. */
function recordingLog(log: Log) {
  const fieldsOf = (detail: Readonly<Record<string, unknown>> = {}) =>
    Object.fromEntries(
      Object.entries(detail).map(([key, value]) => [key, value instanceof Error ? value.message : String(value)]),
    );
  return {
    info: (message: string, detail?: Readonly<Record<string, unknown>>) => log.info(message, fieldsOf(detail)),
    warn: (message: string, detail?: Readonly<Record<string, unknown>>) => log.warn(message, fieldsOf(detail)),
    error: (message: string, detail?: Readonly<Record<string, unknown>>) =>
      log.error(message, detail?.['error'] ?? message, fieldsOf(detail)),
  };
}
