import type { ApiClient } from '@weir/api';
import { joinSources } from '../policy-cases/policy-files.ts';
import { isChange, isPolicy, type Plan } from './plan.ts';
import type { Wanted } from './read-wanted.ts';

/**
 * Does what a plan says and tells each step that is done. The policy comes first, because the gateway may refuse it; what is deleted comes last.
 * @throws WeirError precondition_failed when something was changed after the plan was made; what follows is not done then.
 */
export async function carryOut(
  api: ApiClient,
  wanted: Wanted,
  plan: Plan,
  tell: (text: string) => void,
): Promise<void> {
  const changes = plan.steps.filter(isChange);
  if (wanted.policy !== null && changes.some(isPolicy)) {
    const { version } = await api.applyPolicy({ text: joinSources(wanted.policy.sources) }, plan.policy);
    tell(`In force: policy ${version}.`);
  }
  const connections = changes.filter((step) => !isPolicy(step));
  for (const spec of wanted.connections) {
    if (!connections.some(({ name }) => name === spec.name)) continue;
    await api.putConnection(spec, plan.connections.get(spec.name));
    tell(`Stored ${spec.name}.`);
  }
  for (const { action, name } of connections) {
    if (action !== 'delete') continue;
    await api.deleteConnection(name, plan.connections.get(name));
    tell(`Removed ${name}.`);
  }
}
