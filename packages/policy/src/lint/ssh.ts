import { isConditionProblem, tryCondition } from '../condition.ts';
import type { Finding } from '../finding.ts';
import { createGlobs } from '../glob.ts';
import type { PlacedDocument } from '../parse.ts';
import { type SshKind, sshKinds } from '../ssh-statement.ts';
import { statementKinds } from '../statement.ts';
import { warning } from './warning.ts';

/** What looks wrong in what a policy says of SSH. */
export function findSshWarnings(documents: readonly PlacedDocument[]): Finding[] {
  return documents.flatMap((placed) => [
    ...findAdvisory(placed),
    ...findConditions(placed),
    ...findVariables(placed),
    ...findFilesAlone(placed),
  ]);
}

/** Whoever wrote the word into the description knows. */
function findAdvisory(placed: PlacedDocument): Finding[] {
  const { document } = placed;
  if (document.kind !== 'Guardrail' || document.spec.match?.kinds?.includes('input') !== true) return [];
  if (/advisory/i.test(document.description ?? '')) return [];
  const message =
    'Rules about what is typed at a shell are advisory: scripts, aliases, history and editors get around them. To enforce it, allow no ' +
    'shell or require a watcher. The word "advisory" in the description takes this warning away.';
  return [warning('advisory-rule', message, placed, ['spec', 'match', 'kinds'])];
}

/** For SQL there is no `ssh`: such a condition cannot be decided, and a guardrail applies. */
function findConditions(placed: PlacedDocument): Finding[] {
  const { kind, spec } = placed.document;
  if (kind !== 'Guardrail' || spec.when === undefined || spec.match?.ssh !== undefined) return [];
  if (spec.match?.kinds?.some((named) => (statementKinds as readonly string[]).includes(named)) === false) return [];
  const condition = tryCondition(spec.when, 'rule');
  if (isConditionProblem(condition) || !condition.reads.has('ssh')) return [];
  const message =
    'The condition asks for "ssh", which SQL statements do not have, so the rule applies to all of them: name the kinds of SSH that are meant.';
  return [warning('ssh-condition', message, placed, ['spec', 'when'])];
}

/** With these a variable is as good as a command. */
const loaders = ['LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT', 'BASH_ENV', 'ENV', 'PATH', 'PYTHONPATH', 'PERL5OPT'];

function findVariables(placed: PlacedDocument): Finding[] {
  const { kind, spec } = placed.document;
  if (kind !== 'Access' || spec.ssh?.env === undefined) return [];
  return spec.ssh.env.flatMap((pattern, index) => {
    const found = loaders.find(createGlobs([pattern], { ignoreCase: false }));
    if (found === undefined) return [];
    const message = `"${pattern}" lets clients set ${found}, which makes programs run other code: name the variables that are needed.`;
    return [warning('ssh-variables', message, placed, ['spec', 'ssh', 'env', index])];
  });
}

const carriers: readonly SshKind[] = ['sftp', 'scp', 'rsync', 'git'];

/** Operations on files happen within something. */
function findFilesAlone(placed: PlacedDocument): Finding[] {
  const { kind, spec } = placed.document;
  if (kind !== 'Access' || spec.statements?.kinds === undefined) return [];
  const kinds = spec.statements.kinds.filter((named) => (sshKinds as readonly string[]).includes(named));
  const alone = kinds.find((named) => named.startsWith('file-'));
  if (alone === undefined || carriers.some((carrier) => kinds.includes(carrier))) return [];
  const message = `"${alone}" alone opens nothing: name sftp, scp, rsync or git as well.`;
  return [warning('ssh-files-alone', message, placed, ['spec', 'statements', 'kinds'])];
}
