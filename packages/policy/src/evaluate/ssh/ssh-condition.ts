import type { ConditionContext, ConditionSsh, ConditionStatement } from '../../condition.ts';
import { destinationName, normaliseHost } from '../../destination.ts';
import type { SshStatement } from '../../ssh-statement.ts';

/** The variables `statement` and `ssh` of what SSH carries. `access`: conditions that open something cannot ask for tables that are not there. */
export function sshVariables(
  statement: SshStatement,
  asks: 'access' | 'guardrail',
): Required<Pick<ConditionContext, 'statement' | 'ssh'>> {
  const { kind, command, kinds } = statement.facts;
  const named = { kind, command, kinds };
  return { statement: asks === 'access' ? named : { ...named, ...noSql }, ssh: sshOf(statement) };
}

const noSql: Omit<Required<ConditionStatement>, 'kind' | 'command' | 'kinds'> = {
  ...{ tables: [], writes: [], functions: [], outputs: [], influence: [], settings: [] },
  ...{ database: '', role: '' },
};

function sshOf({ facts, login, terminal }: SshStatement): ConditionSsh {
  const { kind, destination, commands, files, opaque, destructive, variables } = facts;
  const isComputed = commands.some(({ program }) => program === null) || files.some(({ path }) => path === null);
  const effects = {
    programs: commands.flatMap(({ program, via }) => (program === null ? via : [program, ...via])),
    paths: files.flatMap(({ path }) => path ?? []),
    directions: files.map(({ direction }) => direction),
    destructive: destructive.length > 0,
  };
  const isTcp = destination !== null && 'port' in destination;
  return {
    ...{ kind, login, terminal, variables, opaque: opaque.length > 0 },
    destination: destination === null ? '' : destinationName(destination),
    host: isTcp ? normaliseHost(destination.host) : '',
    port: BigInt(isTcp ? destination.port : 0),
    ...(opaque.length > 0 || isComputed ? {} : effects),
  };
}
