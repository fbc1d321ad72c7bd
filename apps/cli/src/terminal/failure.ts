import { catalogue, isWeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { hasColour } from './output.ts';
import { visible } from './visible.ts';

/** An error as the CLI shows it: what, why, how to fix it, a code, and the exit status. */
export interface Failure {
  readonly what: string;
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
  /** A code of the catalogue, or the SQLSTATE of the server's error. */
  readonly code: string;
  readonly status: number;
}

/** Carries a failure that has no code of the catalogue (a server's error, for example). */
export class FailureError extends Error {
  override readonly name = 'FailureError';
  readonly failure: Failure;
  constructor(failure: Failure, cause?: unknown) {
    super(failure.what, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}

/** What to show of anything thrown. Unknown errors are `internal`, status 1. */
export function failureOf(error: unknown): Failure {
  if (error instanceof FailureError) return error.failure;
  if (isWeirError(error)) {
    const { message, why, fix, code } = error;
    return { what: message, why, fix, code, status: catalogue[code].exitCode };
  }
  const what = error instanceof Error ? error.message : String(error);
  return { what: `weir failed: ${what}`, fix: catalogue.internal.hint, code: 'internal', status: 1 };
}

/** `error: …` with why, fix and code below, on stderr. */
export function printFailure(cli: Cli, failure: Failure): void {
  const red = (text: string): string => (hasColour(cli) ? `\u001b[31m${text}\u001b[39m` : text);
  const part = (label: string, text: string): string =>
    `${label} ${visible(text, { multiline: true }).trim().replaceAll('\n', '\n  ')}\n`;
  cli.stderr.write(
    part(red('error:'), failure.what) +
      (failure.why ? part('why:', failure.why) : '') +
      (failure.fix ? part('fix:', failure.fix) : '') +
      part('code:', failure.code),
  );
}
