import type { JWTPayload } from 'jose';

/** Claims that say which job it was. All others stay out of the audit log: they may be personal, or large. */
const names = [
  ...['iss', 'sub', 'jti'],
  // GitHub Actions.
  ...['repository', 'ref', 'sha', 'environment', 'workflow_ref', 'event_name', 'actor', 'run_id', 'run_attempt'],
  // GitLab CI.
  ...['project_path', 'pipeline_id', 'pipeline_source', 'job_id', 'user_login'],
];

/** These claims of a verified token, for the audit log. */
export function nameableClaims(claims: JWTPayload): Record<string, string | number> {
  const found = names.flatMap((name): [string, string | number][] => {
    const value = claims[name];
    if (typeof value === 'string') return [[name, value.slice(0, 200)]];
    return typeof value === 'number' ? [[name, value]] : [];
  });
  return Object.fromEntries(found);
}
