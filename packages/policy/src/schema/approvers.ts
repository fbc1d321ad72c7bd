import { maxApprovers } from '../approval-rule.ts';
import { tryDuration } from '../duration.ts';
import { count, list, oneOf, section, text } from './field.ts';

/** A time such as `30s`, `10m`, `2h` or `1d`, 7 days at most. */
export const durationText = text(20).refine((value) => tryDuration(value) !== undefined, {
  error: (issue) => `"${String(issue.input)}" is not a time such as 30s, 10m, 2h or 1d (7d at most).`,
});

/** Who decides: one of the groups or all of them, by at least so many different people. */
export const approversSchema = section({
  groups: list(text(200)),
  require: oneOf(['one-of', 'all-of']).default('one-of'),
  people: count(1).default(1),
})
  .refine((approvers) => approvers.people <= maxApprovers, {
    error: `At most ${maxApprovers} people.`,
    path: ['people'],
  })
  .refine((approvers) => approvers.require === 'one-of' || new Set(approvers.groups).size <= maxApprovers, {
    error: `At most ${maxApprovers} groups can be asked at once.`,
    path: ['groups'],
  });
