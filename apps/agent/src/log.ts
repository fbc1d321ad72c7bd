const levels = { debug: 10, info: 20, warn: 30, error: 40 } as const;
const threshold = levels[(process.env['WEIR_LOG_LEVEL'] ?? 'info') as keyof typeof levels] ?? levels.info;

/** One line of JSON on standard error. Never called with statements, rows or secrets. */
export function log(level: keyof typeof levels, message: string): void {
  if (levels[level] < threshold) return;
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message })}\n`);
}
