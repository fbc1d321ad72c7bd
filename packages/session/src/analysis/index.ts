export { type AnalysisHost, type AnalysisHostOptions, createAnalysisHost } from './analysis-host.ts';
