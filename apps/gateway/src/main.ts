import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { isWeirError, WeirError } from '@weir/errors';
import { loadConfig } from './config/load-config.ts';
import { startDataPlane } from './dataplane/start.ts';
import { type DataPlaneIngredients, type Gateway, startGateway } from './gateway.ts';
import { createLog, type Log } from './log/create-log.ts';
import { gatewayVersion } from './version.ts';

/** Rows and bytes of masked result that a statement's record may hold. */
const recording = { maxRows: 100, maxBytes: 65_536 };
/** A stop that takes longer is cut short: what is not finished is recovered at the next start. */
const stopTimeoutMs = 20_000;

/**
 * V8 sets the limit of the old generation 8 MB above what lives, and what is relayed and recorded passes that several times a second (buffers count):
 * a third of the CPU went into marking a heap in which nothing had died. With a larger step it marks every few seconds.
 */
setFlagsFromString('--heap-growing-percent=200');

const usage = 'Usage: node dist/main.js --config FILE [--check]';

async function main(): Promise<void> {
  const { config: file, check = false } = readArguments();
  const config = await loadConfig(file);
  if (check) {
    process.stdout.write(`${file} is a valid configuration.\n`);
    return;
  }
  const log = createLog((line) => process.stderr.write(line));
  const starting = startGateway({ config, log, startDataPlane: startWithPorts });
  stopOnSignals(starting, log);
  const gateway = await starting;
  const error = await gateway.lost;
  log.error('the gateway stops', error);
  await gateway.close();
  process.exitCode = 1;
}

function readArguments(): { config: string; check?: boolean | undefined } {
  let values: { config?: string | undefined; check?: boolean | undefined };
  try {
    ({ values } = parseArgs({ options: { config: { type: 'string' }, check: { type: 'boolean' } } }));
  } catch (cause) {
    throw new WeirError('invalid_request', 'The arguments are not understood.', {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: usage,
      cause,
    });
  }
  if (values.config === undefined) throw new WeirError('invalid_request', 'No configuration is named.', { fix: usage });
  return { config: values.config, check: values.check };
}

function startWithPorts(ingredients: DataPlaneIngredients) {
  const { config, serverIdentity, controlPlane, journal, sshAuthenticator, maskingKey, log } = ingredients;
  return startDataPlane({
    listen: { front: config.front, tunnel: config.tunnel, postgres: config.postgres, ssh: config.ssh },
    tls: () => serverIdentity.current(),
    onTlsChanged: (listener) => serverIdentity.onRenewed(listener),
    gatewayVersion,
    controlPlane,
    journal,
    sshAuthenticator,
    maskingKey,
    recording,
    log: (level, message) => (level === 'error' ? log.error(message, message) : log[level](message)),
  });
}

function stopOnSignals(starting: Promise<Gateway>, log: Log): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) return;
    isStopping = true;
    log.info('the gateway stops', { signal });
    setTimeout(() => {
      log.warn('the gateway did not stop in time');
      process.exit(1);
    }, stopTimeoutMs).unref();
    starting
      .then((gateway) => gateway.close())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  if (isWeirError(error)) {
    const why = error.why === undefined ? '' : `why: ${error.why}\n`;
    process.stderr.write(`error: ${error.message}\n${why}fix: ${error.fix}\n(${error.code})\n`);
    process.exit(error.entry.exitCode);
  }
  process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
