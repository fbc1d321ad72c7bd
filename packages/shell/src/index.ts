export { analyseShell } from './analyse-shell.ts';
export type { ShellAnalysis } from './analysis.ts';
export { classifyExec, type ExecKind, filesOfExec } from './exec-kind.ts';
