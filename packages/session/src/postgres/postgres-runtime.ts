import { isWeirError, WeirError } from '@weir/errors';
import { createDeliveredMasks, type DeliveredMasks } from '@weir/gate';
import { fullNameOf, type PostgresOpen, type PostgresTarget } from '@weir/proto';
import { type ErrorFields, fieldsOfWeirError } from '@weir/wire-postgres';
import type { FactsOf, ProtocolRuntime } from '../protocol-runtime.ts';
import type { CredentialUse, SessionServices } from '../session-services.ts';
import { type DialOptions, dialPostgres, TargetRefusal } from '../targets/postgres.ts';
import { type CatalogStore, createCatalogStore } from './catalog-store.ts';
import { createChannel } from './channel.ts';
import { PendingChannel } from './pending-channel.ts';
import { createPostgresCatalogSource } from './postgres-catalog.ts';
import { createRowEstimator } from './row-estimate.ts';

const dialTimeoutMs = 10_000;
const catalogMaxAgeMs = 2_000;

/** Creates what channels to PostgreSQL targets share. */
export function createPostgresRuntime(services: SessionServices): ProtocolRuntime<PostgresOpen> {
  const delivered = new Map<string, DeliveredMasks>();
  const catalogs = new Map<string, CatalogStore>();
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
  const dialForEstimate = async (open: FactsOf<PostgresOpen>) => {
    const parameters = { ...upstreamParameters(open), application_name: 'weir estimate' };
    return dialPostgres(open.target, await dialOptions(open.target, open.sessionId, parameters));
  };

  return {
    open(open, evaluator, lane, onOver) {
      const pending = new PendingChannel(lane, evaluator, onOver);
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
    sessionEnded: (sessionId) => void delivered.delete(sessionId),
    async test(target, onStep) {
      const options = await dialOptions(target, 'test', { application_name: 'weir test' });
      onStep({ name: 'credential', ok: true, detail: target.password.from });
      const dialled = await dialPostgres(target, { ...options, onStep });
      const version = dialled.ready.parameterStatus.get('server_version') ?? '?';
      onStep({ name: 'server', ok: true, detail: `PostgreSQL ${version}` });
      dialled.socket.destroy();
    },
    close() {
      for (const store of catalogs.values()) store.close();
    },
  };
}

/** The principal, and the person for whom it acts, are visible in the target's own logs and pg_stat_activity. */
function upstreamParameters(open: FactsOf<PostgresOpen>): Record<string, string> {
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
