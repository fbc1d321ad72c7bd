import { WeirError } from '@weir/errors';
import { formatFinding, lintPolicySources } from '@weir/policy';
import type { Command } from 'commander';
import { carryOut } from '../apply/carry-out.ts';
import { formatStep, isChange, makePlan, type Step } from '../apply/plan.ts';
import { readWanted } from '../apply/read-wanted.ts';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson } from '../terminal/output.ts';
import { ask, canAsk } from '../terminal/prompt.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface ApplyOptions extends CommonOptions {
  readonly file: readonly string[];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly prune?: boolean;
}

/** `weir apply` */
export function addApply(program: Command, cli: Cli): void {
  leaf(program, 'apply', 'Give the gateway the connections and the policy of files, for example from Git', [
    'weir apply -f weir/ --dry-run',
    'weir apply -f connections.yaml policy.yaml',
    'weir apply -f weir/ --prune --yes',
  ])
    .requiredOption('-f, --file <path...>', 'YAML or JSON files, or folders with them')
    .option('--dry-run', 'show what would change and change nothing')
    .option('--yes', 'do not ask')
    .option('--prune', 'remove connections that no file names; ends their sessions')
    .action(act(cli, (options: ApplyOptions) => apply(cli, options)));
}

async function apply(cli: Cli, options: ApplyOptions): Promise<void> {
  const wanted = readWanted(options.file);
  const prune = options.prune === true;
  if (prune && wanted.connections.length === 0) {
    throw new WeirError('invalid_request', 'No file names a connection, so --prune would remove all of them.', {
      fix: 'Add their files, or leave out --prune. One at a time: weir connections rm NAME',
    });
  }
  const { api } = signedIn(cli);
  const plan = await makePlan(api, wanted, prune);
  for (const finding of lintPolicySources(wanted.policy?.sources ?? [])) note(cli, formatFinding(finding));
  const { steps } = plan;
  for (const step of steps) note(cli, formatStep(step));
  const changes = steps.filter(isChange).length;
  const applies = changes > 0 && options.dryRun !== true;
  if (changes === 0) note(cli, 'There is nothing to change.');
  else if (!applies) note(cli, `${changes} to change; nothing was changed (--dry-run).`);
  if (applies) {
    await confirm(cli, options, steps);
    await carryOut(api, wanted, plan, (text) => note(cli, text));
  }
  if (options.json === true) printJson(cli, { applied: applies, plan: steps });
}

/** @throws WeirError invalid_request when nobody can be asked, query_canceled when the answer is not yes. */
async function confirm(cli: Cli, options: ApplyOptions, steps: readonly Step[]): Promise<void> {
  if (options.yes === true) return;
  if (!canAsk(cli, options)) {
    throw new WeirError('invalid_request', 'Nobody can be asked whether to apply this, so nothing was changed.', {
      fix: 'Add --yes to apply it, or --dry-run to see the plan alone.',
    });
  }
  const answer = await ask(cli, `Apply ${steps.filter(isChange).length} changes? [y/N] `);
  if (!/^y(es)?$/i.test(answer)) throw new WeirError('query_canceled', 'Nothing was changed.');
}
