import { type AnalysisResult, createPostgresAnalyser, type PostgresAnalyser } from '@weir/sql';
import type { Random } from '../core/random.ts';
import { type FuzzTarget, must } from '../core/target.ts';
import { catalog } from './catalog.ts';

const words =
  "select from where with recursive as insert into values update set delete merge using matched returning old new join lateral on left full cross union except intersect all distinct group by having order limit offset window over partition rows between filter within case when then else end cast array row exists in any between like is null not and or true false default copy to stdin stdout program csv header explain analyze verbose prepare execute deallocate declare cursor for fetch move close begin commit rollback savepoint create table view materialized temp index function returns language sql trigger rule type domain alter add drop column truncate grant revoke role do call listen notify set_config search_path local session reset show lock vacuum cluster reindex comment security invoker only tablesample grouping sets rollup cube json_table xmltable json_object json_arrayagg public.users users.email email name ssn u.* * orders hr.users v_users vv events leak(1) trusted(1) now() count(*) $1 'x' E'\\'' U&'x' $$x$$ \"email\" ::text ::regclass <~> operator(pg_catalog.+) ( ) , ; . :: /* */ -- [ ] := =>".split(
    ' ',
  );

/** Commas, words and parts in parentheses are moved about. */
function mutateSql(input: Buffer, other: Buffer, random: Random): Buffer {
  const tokens = tokensOf(input);
  const at = random.below(tokens.length + 1);
  switch (random.below(6)) {
    case 0:
      tokens.splice(at, 0, random.pick(words), ' ');
      break;
    case 1:
      tokens.splice(at, 1 + random.below(4));
      break;
    case 2:
      tokens[Math.min(at, Math.max(0, tokens.length - 1))] = random.pick(words);
      break;
    case 3: {
      const [from, to] = partOf(tokensOf(other), random);
      const part = tokensOf(other).slice(from, to);
      const [start, end] = partOf(tokens, random);
      tokens.splice(start, end - start, ...part);
      break;
    }
    case 4: {
      const [from, to] = partOf(tokens, random);
      tokens.splice(at, 0, '(', ...tokens.slice(from, to), ')');
      break;
    }
    default:
      tokens.splice(at, 0, ...tokens.slice(at, at + 1 + random.below(8)));
  }
  return Buffer.from(tokens.join(''));
}

const tokensOf = (input: Buffer): string[] => input.toString('utf8').match(/\w+|\s+|[^\w\s]/g) ?? [];

/** From a parenthesis to the one that closes it, or just some tokens. */
function partOf(tokens: readonly string[], random: Random): [number, number] {
  const opening = [...tokens.keys()].filter((at) => tokens[at] === '(');
  const from = opening.length > 0 && !random.once(3) ? random.pick(opening) : random.below(tokens.length);
  if (tokens[from] !== '(') return [from, Math.min(tokens.length, from + 1 + random.below(6))];
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    if (tokens[at] === '(') depth += 1;
    else if (tokens[at] === ')') depth -= 1;
    if (depth === 0) return [from, at + 1];
  }
  return [from, tokens.length];
}

let analyser: PostgresAnalyser;

async function start(): Promise<void> {
  analyser = await createPostgresAnalyser();
  analyser.loadCatalog(catalog);
}

function analyse(text: string, standardConformingStrings = true): AnalysisResult {
  const objects = { prepared: {}, cursors: {} };
  const fixed = { searchPath: ['pg_catalog', 'public'], role: 'app', objects, catalogVersion: catalog.version };
  return analyser.analyse({ text, standardConformingStrings, ...fixed });
}

/** Facts without what depends on where a statement stands in its text. */
const meaning = (result: AnalysisResult) =>
  JSON.stringify(
    result.ok ? result.statements.map(({ facts, changes, copy }) => ({ facts, changes, copy })) : result.problem,
  );

/** Makes the target with its parser. */
export async function createAnalyserTarget(): Promise<FuzzTarget> {
  await start();
  return {
    what: 'the analysis of a statement, from the guard before the parser to the facts',
    maxBytes: 4096,
    maxMs: 1000,
    maxBufferBytes: 1024 * 1024,
    dictionary: words.map((word) => Buffer.from(` ${word} `)),
    mutate: mutateSql,
    async run(input) {
      const text = input.toString('utf8');
      const result = analyse(text);
      if (!result.ok && result.problem === 'internal') {
        // The parser itself may run out of memory: its thread is replaced then. Our own code must not break.
        must(!result.message.startsWith('the analysis failed'), result.message);
        await start();
        return;
      }
      checkRanges(result, Buffer.byteLength(text));
      must(JSON.stringify(analyse(text)) === JSON.stringify(result), 'the same text gives another result');
      checkComments(text, result);
      const off = analyse(text, false);
      must(
        !off.ok || meaning(off) === meaning(result),
        'without standard_conforming_strings a text that is let pass means something else',
      );
    },
  };
}

/** Statements lie in the text, one behind the other. */
function checkRanges(result: AnalysisResult, length: number): void {
  if (!result.ok) return;
  must(result.statements.length > 0, 'a text without any statement, not even an empty one');
  let from = 0;
  for (const { start: begin, end } of result.statements) {
    must(begin >= from && end >= begin && end <= length, `a statement from ${begin} to ${end} of ${length} bytes`);
    from = end;
  }
}

/** A comment changes nothing. Behind the text it may stand in a literal or comment that has no end; a text that is refused may be so for its length. */
function checkComments(text: string, result: AnalysisResult): void {
  if (!result.ok) return;
  must(meaning(analyse(`/* a */ ${text}`)) === meaning(result), 'a comment before the text changes its meaning');
  must(meaning(analyse(`${text}\n/* a */`)) === meaning(result), 'a comment behind the text changes its meaning');
}
