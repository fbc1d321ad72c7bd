/** One value of a log line. Never a secret: no passwords, tokens, statement texts or DSNs. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Structured log. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `error` is logged with its causes and stack: the log is for operators, never for callers. */
  error(message: string, error: unknown, fields?: LogFields): void;
}

/** Makes a log of JSON lines (time, level, message, fields). `write` gets one line with its line end. */
export function createLog(write: (line: string) => void): Log {
  const line = (level: string, message: string, fields: Record<string, unknown>): void => {
    write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
  };
  return {
    info: (message, fields = {}) => line('info', message, fields),
    warn: (message, fields = {}) => line('warn', message, fields),
    error: (message, error, fields = {}) => line('error', message, { ...fields, error: describeError(error) }),
  };
}

/** A log that drops everything. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\ncaused by: ${describeError(error.cause)}`;
}
