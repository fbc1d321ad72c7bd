// Stands in for the agent: enrols by remembering its token, runs by telling the gateway that it is online.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

process.stdout.write(`pid ${process.pid}\n`);
const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const state = argument('--state');
if (process.argv[2] === 'enrol') {
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, 'gateway'), readFileSync(argument('--token-file'), 'utf8').split(' ')[2]);
} else {
  await fetch(`${readFileSync(join(state, 'gateway'), 'utf8')}/online/demo`, { method: 'POST' });
  process.stdout.write('agent is online\n');
  setInterval(() => undefined, 60_000);
}
