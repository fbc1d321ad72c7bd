/**
 * Claims that say what started a job, with the values of which only people who may push, or run jobs by hand, are the cause. Jobs of pull and merge
 * requests run code that nobody has accepted yet, some of them under the name of the branch that they are for: a rule must name another trigger, or its
 * jobs are refused.
 */
export const trustedTriggers: Readonly<Record<string, readonly string[]>> = {
  // GitHub Actions.
  event_name: [
    ...[
      'push',
      'schedule',
      'workflow_dispatch',
      'repository_dispatch',
      'release',
      'create',
      'merge_group',
      'deployment',
    ],
  ],
  // GitLab CI.
  pipeline_source: ['push', 'web', 'schedule', 'api', 'trigger', 'chat'],
};
