import { isWeirError, WeirError } from '@weir/errors';
import { createDeliveredMasks, type DeliveredMasks } from '@weir/gate';
import { fullNameOf, type PostgresTarget } from '@weir/proto';
import type { LaneChannel, LaneChannelHandler, OpenRefusal, TestOutcome } from '@weir/tunnel';
import { type ErrorFields, fieldsOfWeirError } from '@weir/wire-postgres';
import type { AnalysisHost } from './analysis/analysis-host.ts';
import { type CatalogStore, createCatalogStore } from './catalog-store.ts';
import { createChannel } from './channel.ts';
import { type ChannelFacts, createOpenReader } from './open-reader.ts';
import { PendingChannel } from './pending-channel.ts';
import { createPostgresCatalogSource } from './postgres-catalog.ts';
import { createRowEstimator } from './row-estimate.ts';
import { type DialOptions, dialPostgres, TargetRefusal } from './targets/postgres.ts';

/** What a credential is opened for: a session's id, or `test` for the test of a connection. */
export type CredentialUse = string;

/** What all channels of a process share. */
export interface SessionServices {
  readonly analysis: AnalysisHost;
  /** Resolves a credential reference in this network. @throws WeirError when it cannot. */
  resolvePassword(reference: PostgresTarget['password'], use: CredentialUse): Promise<string | null>;
  /** Milliseconds since the epoch. */
  now(): number;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
}

/** The runtime of an agent (or of a gateway with an embedded one). */
export interface SessionRuntime {
  /** An OPEN frame: begins the dial and returns the channel's handler at once. */
  open(openJson: Buffer, lane: LaneChannel): LaneChannelHandler | OpenRefusal;
  replacePlan(sessionId: string, plan: Buffer): void;
  kill(sessionId: string, reason: string): void;
  test(target: Buffer): Promise<TestOutcome>;
  readonly channelCount: number;
  close(): void;
}

const dialTimeoutMs = 10_000;
const catalogMaxAgeMs = 2_000;

/** Creates a runtime without channels. */
export function createSessionRuntime(services: SessionServices): SessionRuntime {
  const sessions = new Map<string, Set<PendingChannel>>();
  const delivered = new Map<string, DeliveredMasks>();
  const catalogs = new Map<string, CatalogStore>();
  const opens = createOpenReader();
  const forget = (sessionId: string, channel: PendingChannel) => {
    const group = sessions.get(sessionId);
    group?.delete(channel);
    if (group?.size === 0) {
      sessions.delete(sessionId);
      delivered.delete(sessionId);
    }
  };
  const deliveredTo = (sessionId: string): DeliveredMasks => {
    const known = delivered.get(sessionId) ?? createDeliveredMasks();
    delivered.set(sessionId, known);
    return known;
  };

  const dialOptions = async (
    target: PostgresTarget,
    use: CredentialUse,
    parameters: Readonly<Record<string, string>>,
  ): Promise<DialOptions> => ({
    password: await services.resolvePassword(target.password, use),
    parameters,
    timeoutMs: dialTimeoutMs,
  });
  /** What each catalog is read with: the newest reference, since stored credentials are sealed anew for each session. */
  const newest = new Map<string, { readonly target: PostgresTarget; readonly use: CredentialUse }>();
  const catalogOf = (target: PostgresTarget, use: CredentialUse): CatalogStore => {
    const key = JSON.stringify([target.host, target.port, target.database, target.user]);
    newest.set(key, { target, use });
    const known = catalogs.get(key);
    if (known) return known;
    const store = createCatalogStore({
      source: createPostgresCatalogSource(target, () => {
        const current = newest.get(key) ?? { target, use };
        const parameters = { application_name: 'weir catalog', client_encoding: 'UTF8' };
        return dialOptions(current.target, current.use, parameters);
      }),
      maxAgeMs: catalogMaxAgeMs,
      now: services.now,
      onLoaded: (catalog) => services.analysis.loadCatalog(catalog),
    });
    catalogs.set(key, store);
    return store;
  };

  const estimator = createRowEstimator(services.now);
  const dialForEstimate = async (open: ChannelFacts) => {
    const parameters = { ...upstreamParameters(open), application_name: 'weir estimate' };
    return dialPostgres(open.target, await dialOptions(open.target, open.sessionId, parameters));
  };

  return {
    open(openJson, lane) {
      const opened = opens.read(openJson);
      if ('refuse' in opened) return opened;
      const { open, evaluator } = opened;
      const pending = new PendingChannel(lane, evaluator, (closed) => forget(open.sessionId, closed));
      const group = sessions.get(open.sessionId) ?? new Set();
      sessions.set(open.sessionId, group.add(pending));
      dialOptions(open.target, open.sessionId, upstreamParameters(open))
        .then((options) => dialPostgres(open.target, options))
        .then((dialled) => {
          if (pending.isOver) return dialled.socket.destroy();
          return pending.begin((onClosed) =>
            createChannel({
              open,
              lane,
              dialled,
              evaluator: pending.evaluator,
              catalog: catalogOf(open.target, open.sessionId),
              delivered: () => deliveredTo(open.sessionId),
              estimate: (question) => estimator.estimate(question, () => dialForEstimate(open)),
              services,
              onClosed,
            }),
          );
        })
        .catch((error: unknown) => pending.decline(fieldsOf(error)));
      return pending;
    },
    replacePlan(sessionId, plan) {
      const evaluator = opens.readPlan(plan);
      for (const channel of sessions.get(sessionId) ?? []) channel.replacePlan(evaluator);
    },
    kill(sessionId, reason) {
      for (const channel of [...(sessions.get(sessionId) ?? [])]) channel.kill(reason);
    },
    async test(targetJson) {
      const target = JSON.parse(targetJson.toString('utf8')) as PostgresTarget;
      const steps: { name: string; ok: boolean; detail: string }[] = [];
      try {
        const options = await dialOptions(target, 'test', { application_name: 'weir test' });
        steps.push({ name: 'credential', ok: true, detail: target.password.from });
        const dialled = await dialPostgres(target, { ...options, onStep: (step) => void steps.push(step) });
        steps.push({
          name: 'server',
          ok: true,
          detail: `PostgreSQL ${dialled.ready.parameterStatus.get('server_version') ?? '?'}`,
        });
        dialled.socket.destroy();
        return { ok: true, steps };
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (steps.every((step) => step.ok))
          steps.push({ name: steps.length === 0 ? 'credential' : 'target', ok: false, detail: message });
        return { ok: false, steps };
      }
    },
    get channelCount() {
      let count = 0;
      for (const group of sessions.values()) count += group.size;
      return count;
    },
    close() {
      for (const id of [...sessions.keys()]) this.kill(id, 'the agent stops');
      for (const store of catalogs.values()) store.close();
    },
  };
}

/** The principal, and the person for whom it acts, are visible in the target's own logs and pg_stat_activity. */
function upstreamParameters(open: ChannelFacts): Record<string, string> {
  const application = open.postgres.parameters['application_name'] ?? '';
  return {
    ...open.postgres.parameters,
    client_encoding: 'UTF8',
    application_name: `weir:${fullNameOf(open.principal)} ${application}`.trim().slice(0, 63),
  };
}

function fieldsOf(error: unknown): ErrorFields {
  if (error instanceof TargetRefusal) {
    const { fields } = error;
    return {
      ...fields,
      M: `the target refused the agent's sign-in: ${fields['M'] ?? 'no message'}`,
      H: 'An administrator checks the connection: weir connections test NAME',
    };
  }
  if (isWeirError(error)) return fieldsOfWeirError(error, 'FATAL');
  return fieldsOfWeirError(new WeirError('internal', 'the channel could not be opened', { cause: error }), 'FATAL');
}
