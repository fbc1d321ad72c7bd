import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { isWeirError, WeirError } from '@weir/errors';
import { type EnrolOptions, enrol } from './enrol.ts';
import { runAgent } from './run.ts';
import { isEnrolled } from './state.ts';

/**
 * V8 sets the limit of the old generation 8 MB above what lives, and what is relayed and recorded passes that several times a second (buffers count):
 * a third of the CPU went into marking a heap in which nothing had died. With a larger step it marks every few seconds.
 */
setFlagsFromString('--heap-growing-percent=200');

const usage = `weir agent: serves connections in its own network; dials out to the gateway, opens no port

  enrol --state DIR (--token-file FILE | --token TOKEN) [--pool NAME]
        trade a join token for a certificate
  enrol --state DIR --platform-token-file FILE --gateway HOST:PORT --ca-pin SHA256 [--pool NAME]
        the same by a token of the platform, such as a Kubernetes service account's
  run   --state DIR
        serve until stopped; with the options of enrol, enrol first when the folder is empty

  --pool NAME     the pool to join; a token for another one is refused
  --ca-pin SHA256 of the gateway's CA, as weir agent ca ls shows it; several with commas between
`;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      state: { type: 'string' },
      token: { type: 'string' },
      'token-file': { type: 'string' },
      pool: { type: 'string' },
      'platform-token-file': { type: 'string' },
      gateway: { type: 'string' },
      'ca-pin': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const command = positionals[0];
  if (values.help || command === undefined) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const stateDir = values.state ?? process.env['WEIR_AGENT_STATE'];
  if (stateDir === undefined)
    throw new WeirError('invalid_request', 'no state folder was given', { fix: 'Add --state DIR.' });
  const options: EnrolOptions = {
    ...{ stateDir, token: values.token, tokenFile: values['token-file'], pool: values.pool },
    ...{ platformTokenFile: values['platform-token-file'], gateway: values.gateway },
    caPins: values['ca-pin']?.split(','),
  };
  if (command === 'enrol') {
    await enrolNow(options);
    return 0;
  }
  if (command === 'run') {
    const canEnrol = [options.token, options.tokenFile, options.platformTokenFile].some((given) => given !== undefined);
    if (canEnrol && !(await isEnrolled(stateDir))) await enrolNow(options);
    return run(stateDir);
  }
  throw new WeirError('invalid_request', `unknown command "${command}"`, { fix: 'Use enrol or run.' });
}

async function enrolNow(options: EnrolOptions): Promise<void> {
  const { agentName } = await enrol(options);
  process.stderr.write(`enrolled as ${agentName}; run it: weir agent run --state ${options.stateDir}\n`);
}

async function run(stateDir: string): Promise<number> {
  const agent = await runAgent(stateDir);
  const signal = new Promise<number>((resolve) => {
    process.once('SIGTERM', () => resolve(0));
    process.once('SIGINT', () => resolve(0));
  });
  const status = await Promise.race([signal, agent.stopped.then(() => 1)]);
  await agent.close();
  return status;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    const shown = isWeirError(error)
      ? error
      : new WeirError('internal', error instanceof Error ? error.message : String(error), { cause: error });
    process.stderr.write(
      `error: ${shown.message}\n${shown.why ? `why: ${shown.why}\n` : ''}fix: ${shown.fix}\ncode: ${shown.code}\n`,
    );
    process.exit(shown.entry.exitCode);
  },
);
