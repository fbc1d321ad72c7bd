// biome-ignore-all lint/suspicious/noTemplateCurlyInString: parameters of a shell
import { analyseShell, classifyExec, type ShellAnalysis } from '@weir/shell';
import type { Random } from '../core/random.ts';
import { type FuzzTarget, must } from '../core/target.ts';

const pieces =
  "' \" ` \\ \\\n $ $( ) $(( )) ${ } ${x:-y} $' $\" ; & && | || |& ! ( ) { } [[ ]] [ ] < > >> << <<- <<< <( >( >& &> 2> <> # ~ * ? = += a=(b) {a,b} {1..3} if then elif else fi for in do done while until case esac ;; function f() select time coproc eval exec trap source . alias export read printf test let set unset sh -c bash -s sudo -u env -i -S xargs -I{} find -exec ; -delete awk sed -e -i git -c push --force tar --checkpoint-action=x scp -t -f rsync --server --sender -e.L . git-upload-pack 'x' rm -rf /etc/passwd ../x ~/x $IFS $@ $1 \x01 \r \t EOF\n <<EOF\n".split(
    ' ',
  );

/** Words and pieces of the grammar are moved about. */
function mutateShell(input: Buffer, other: Buffer, random: Random): Buffer {
  const tokens = tokensOf(input);
  const at = random.below(tokens.length + 1);
  switch (random.below(5)) {
    case 0:
      tokens.splice(at, 0, random.pick(pieces), random.once(2) ? ' ' : '');
      break;
    case 1:
      tokens.splice(at, 1 + random.below(4));
      break;
    case 2: {
      const others = tokensOf(other);
      const from = random.below(others.length + 1);
      tokens.splice(at, random.below(3), ...others.slice(from, from + 1 + random.below(8)));
      break;
    }
    case 3: {
      // Within another command.
      const [open, close] = random.pick([
        ['$(', ')'],
        ['`', '`'],
        ['( ', ')'],
        ["sh -c '", "'"],
        ['eval "', '"'],
        ['{ ', '; }'],
      ]);
      const end = at + random.below(tokens.length - at + 1);
      tokens.splice(end, 0, close ?? '');
      tokens.splice(at, 0, open ?? '');
      break;
    }
    default:
      tokens.splice(at, 0, ...tokens.slice(at, at + 1 + random.below(8)));
  }
  return Buffer.from(tokens.join(''));
}

const tokensOf = (input: Buffer): string[] => input.toString('utf8').match(/[\w./-]+|\s+|[^\w\s]/g) ?? [];

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A text, by what it does and as scp, rsync, git or sftp. */
export const shellTarget: FuzzTarget = {
  what: 'a shell text to what it does',
  maxBytes: 4 * 1024,
  maxMs: 500,
  maxBufferBytes: 1024 * 1024,
  dictionary: pieces.map((piece) => Buffer.from(piece)),
  mutate: mutateShell,
  run(input) {
    const text = input.toString('utf8');
    const analysis = analyseShell(text);
    for (const reason of [...analysis.opaque, ...analysis.destructive])
      must(/^\S.*\.$/u.test(reason) && !/\p{Cc}/u.test(reason), `a reason is no sentence: ${reason}`);
    for (const { path } of analysis.files)
      must(path === null || !/(^|\/)\.\.(\/|$)|\/\/|\/\.(\/|$)/.test(path), `a path is not resolved: ${path}`);
    checkExec(text, analysis);
    // A text that begins like an option is one to sh and eval.
    if (analysis.opaque.length === 0 && !/^[-+]/.test(text)) checkWithin(text, analysis);
  },
};

/** What is recognised is one fixed command. */
function checkExec(text: string, { commands }: ShellAnalysis): void {
  const exec = classifyExec(text);
  if (exec.kind === 'exec') return;
  const [only] = commands;
  must(commands.length === 1 && only !== undefined, `${exec.kind}, but not one command`);
  must(only.program?.includes(exec.kind) === true, `${exec.kind}, but the program is ${only.program}`);
}

/** A text does the same within a text, and nothing around it hides it. */
function checkWithin(text: string, analysis: ShellAnalysis): void {
  for (const outer of [`eval ${quoted(text)}`, `sh -c ${quoted(text)}`, `sudo -n sh -c ${quoted(text)}`]) {
    const found = analyseShell(outer);
    if (found.opaque.length > 0) continue;
    must(found.commands.length >= analysis.commands.length, `commands are lost within ${outer}`);
    must(found.files.length >= analysis.files.length, `files are lost within ${outer}`);
    for (const reason of analysis.destructive)
      must(found.destructive.includes(reason), `it is not destructive any more: ${reason}`);
  }
}
