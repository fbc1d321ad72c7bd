export type { ShellAnalysis } from './analysis.ts';
