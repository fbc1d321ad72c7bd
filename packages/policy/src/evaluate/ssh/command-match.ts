import { createGlobs } from '../../glob.ts';
import type { SshMatch } from '../../schema/ssh.ts';
import type { ShellCommand } from '../../ssh-statement.ts';
import type { SshMatchResult, SshTest } from './ssh-match.ts';

const exact = { ignoreCase: false };

/** Compiles `programs` and `arguments`: some command of the text has one of the programs and one of the arguments. undefined = neither is named. */
export function createCommandTest({ programs, arguments: wanted }: SshMatch): SshTest | undefined {
  if (programs === undefined && wanted === undefined) return undefined;
  const isProgram = programs === undefined ? () => true : createGlobs(programs, exact);
  const hasArgument = wanted === undefined ? undefined : argumentTest(wanted);
  return ({ facts }) => {
    let doubt: SshMatchResult | null = null;
    for (const command of facts.commands) {
      const name = [command.program, ...command.via].find((found) => found !== null && isProgram(found));
      const isComputed = command.program === null;
      if (name === undefined && !isComputed) continue;
      const shown = name ?? 'a program that is chosen when it runs';
      const argument = hasArgument?.(command) ?? { why: '', isCertain: true };
      if (hasArgument !== undefined && hasArgument(command) === null) continue;
      const result = { why: `it runs ${shown}${argument.why}`, isCertain: name !== undefined && argument.isCertain };
      if (result.isCertain) return result;
      doubt ??= result;
    }
    return doubt;
  };
}

/** A pattern with a space is held against all arguments together. What is computed when it runs may be anything. */
function argumentTest(patterns: readonly string[]): (command: ShellCommand) => SshMatchResult | null {
  const single = createGlobs(
    patterns.filter((pattern) => !pattern.includes(' ')),
    exact,
  );
  const together = createGlobs(
    patterns.filter((pattern) => pattern.includes(' ')),
    exact,
  );
  return (command) => {
    const known = command.arguments.filter((word) => word !== null);
    const found = known.find(single);
    if (found !== undefined) return { why: ` with the argument ${found}`, isCertain: true };
    if (together(known.join(' '))) return { why: ` with the arguments ${known.join(' ')}`, isCertain: true };
    if (known.length === command.arguments.length) return null;
    return { why: ' with an argument that is computed when it runs', isCertain: false };
  };
}
