import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type DoctorStep, diagnose } from '../gateway/diagnose.ts';
import { printJson, printLine } from '../terminal/output.ts';
import { visible } from '../terminal/visible.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir doctor` */
export function addDoctor(program: Command, cli: Cli): void {
  leaf(program, 'doctor', 'Check step by step why something does not work', ['weir doctor']).action(
    act(cli, async (options: CommonOptions) => {
      const steps: DoctorStep[] = [];
      for await (const step of diagnose(cli)) {
        steps.push(step);
        if (options.json === true) continue;
        printLine(cli, [step.result, step.name, visible(step.detail)].join('\t'));
        if (step.fix !== undefined) printLine(cli, `\t\tfix: ${visible(step.fix)}`);
      }
      const failed = steps.find(({ result }) => result === 'FAILED');
      if (options.json === true) printJson(cli, { ok: failed === undefined, steps });
      return failed?.status ?? 0;
    }),
  );
}
