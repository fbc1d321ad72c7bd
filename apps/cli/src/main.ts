import { createCli } from './cli.ts';
import { runCli } from './program.ts';

const { env, stdin, stdout, stderr } = process;
const cli = createCli({ env, stdin, stdout, stderr });

/** 128 + n, as shells report a program that a signal ended; Ctrl-C is "cancelled" of the catalogue. */
const statuses = { SIGINT: 3, SIGTERM: 143, SIGHUP: 129 } as const;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (cli.onSignal === undefined) process.exit(statuses[signal]);
    cli.onSignal(signal);
  });
}
// The reader of our output has gone (| head): nothing is left to do.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

const status = await runCli(process.argv.slice(2), cli);
// Written out first: process.exit drops what a pipe has not taken yet.
stdout.write('', () => stderr.write('', () => process.exit(status)));
