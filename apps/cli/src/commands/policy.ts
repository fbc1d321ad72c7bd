import { WeirError } from '@weir/errors';
import { decideTrust, formatFinding, lintPolicySources, type PolicySource, parsePolicySources } from '@weir/policy';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { defaultCaseFile, joinSources, readSources, readText } from '../policy-cases/policy-files.ts';
import { claimsOf, readClaims } from '../policy-cases/token-claims.ts';
import { note, printJson, printLine, printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir policy` */
export function addPolicy(program: Command, cli: Cli): void {
  const policy = program.command('policy').description('Check, try and apply policy documents');
  leaf(policy, 'lint', 'Find errors and doubtful places; exit status 2 when there are errors', [
    'weir policy lint policy.yaml',
  ])
    .argument('<files...>', 'files that make one policy')
    .action(act(cli, (files: string[], options: CommonOptions) => lint(cli, readSources(files), options)));
  leaf(policy, 'test', 'Run cases against a policy; exit status 1 when one fails', [
    'weir policy test policy.yaml',
    'weir policy test access.yaml masking.yaml --cases cases.yaml',
  ])
    .argument('<files...>', 'files that make one policy')
    .option('--cases <file>', 'cases (default: policy.cases.yaml beside policy.yaml)')
    .action(act(cli, (files: string[], options: CommonOptions & { cases?: string }) => test(cli, files, options)));
  leaf(
    policy,
    'trust',
    'Say which rule takes a token of a job, and why the others do not; exit status 1 when none does',
    ['weir policy trust policy.yaml --token-file token.jwt', 'weir policy trust policy.yaml --claims claims.json'],
  )
    .argument('<files...>', 'files that make one policy')
    .option('--token-file <file>', 'a token as the platform gives it; its signature is not looked at')
    .option('--claims <file>', 'the claims of a token as JSON')
    .option('--rule <name>', 'look at this rule alone')
    .action(act(cli, (files: string[], options: TrustOptions) => trust(cli, files, options)));
  leaf(policy, 'apply', 'Put a policy in force, in live sessions, too (administrators)', [
    'weir policy apply policy.yaml',
  ])
    .argument('<files...>', 'files that make the whole policy')
    .action(
      act(cli, async (files: string[], options: CommonOptions) => {
        const sources = readSources(files);
        parsePolicySources(sources);
        const { text: _text, ...applied } = await signedIn(cli).api.applyPolicy({ text: joinSources(sources) });
        for (const finding of lintPolicySources(sources)) note(cli, formatFinding(finding));
        if (options.json === true) printJson(cli, applied);
        else note(cli, `In force: policy ${applied.version}.`);
      }),
    );
  leaf(policy, 'show', 'Print the policy in force (administrators, auditors)', [
    'weir policy show > policy.yaml',
  ]).action(
    act(cli, async (options: CommonOptions) => {
      const { text, ...about } = await signedIn(cli).api.getPolicy();
      if (options.json === true) return printJson(cli, { ...about, text });
      note(cli, `Policy ${about.version}, applied by ${about.appliedBy} at ${about.appliedAt}.`);
      printLine(cli, text.replace(/\n$/, ''));
    }),
  );
}

async function lint(cli: Cli, sources: readonly PolicySource[], options: CommonOptions): Promise<number> {
  const findings = lintPolicySources(sources);
  if (options.json === true) printJson(cli, findings);
  else for (const finding of findings) printLine(cli, formatFinding(finding));
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  note(cli, errors === 0 ? `No errors, ${findings.length} warnings.` : `${errors} errors.`);
  return errors === 0 ? 0 : 2;
}

interface TrustOptions extends CommonOptions {
  readonly tokenFile?: string;
  readonly claims?: string;
  readonly rule?: string;
}

async function trust(
  cli: Cli,
  files: readonly string[],
  { tokenFile, claims, rule, json }: TrustOptions,
): Promise<number> {
  const path = tokenFile ?? claims;
  if (path === undefined || (tokenFile !== undefined && claims !== undefined)) {
    throw new WeirError('invalid_request', 'Which token?', { fix: 'Give --token-file FILE or --claims FILE.' });
  }
  const documents = parsePolicySources(readSources(files));
  const text = readText(path);
  const decision = decideTrust(
    documents,
    tokenFile === undefined ? readClaims(text, path) : claimsOf(text, path),
    rule,
  );
  if (json === true) {
    printJson(
      cli,
      decision.rule === null ? decision : { rule: decision.rule.name, identity: decision.rule.spec.identity },
    );
  } else if (decision.rule === null) {
    for (const { rule: name, why } of decision.misses) printLine(cli, `${name}: ${why}`);
    if (decision.misses.length === 0 || !decision.why.startsWith('The rule')) printLine(cli, decision.why);
  } else {
    const { groups = [], life } = decision.rule.spec;
    printLine(
      cli,
      `${decision.rule.name} takes it: ${decision.rule.spec.identity} (${groups.join(', ') || 'no groups'}) for ${life}.`,
    );
  }
  return decision.rule === null ? 1 : 0;
}

async function test(cli: Cli, files: readonly string[], options: CommonOptions & { cases?: string }): Promise<number> {
  const caseFile = options.cases ?? defaultCaseFile(files);
  const documents = parsePolicySources(readSources(files));
  const [{ readCaseFile }, { runCases }] = await Promise.all([
    import('../policy-cases/read-cases.ts'),
    import('../policy-cases/run-cases.ts'),
  ]);
  const outcomes = await runCases(documents, readCaseFile(readText(caseFile), caseFile), new Date(cli.now()));
  const failed = outcomes.filter(({ problem }) => problem !== null).length;
  printList(cli, options, {
    items: outcomes.map(({ name, verdict, masked, problem }) => ({
      name,
      ok: problem === null,
      action: verdict.action,
      rule: verdict.rule,
      reason: verdict.reason,
      masked,
      problem,
    })),
    columns: [
      ['result', ({ ok }) => (ok ? 'ok' : 'FAILED')],
      ['case', ({ name }) => name],
      ['found', ({ action, rule, problem }) => problem ?? `${action} by ${rule}`],
    ],
    empty: 'There are no cases.',
  });
  note(cli, failed === 0 ? `${outcomes.length} cases passed.` : `${failed} of ${outcomes.length} cases failed.`);
  return failed === 0 ? 0 : 1;
}
