import type { AccessRequest, ApprovalRequest, RequestDetails } from '@weir/api';
import { type Html, html } from '../pages/html.ts';

/** A line of the list. */
interface Listed {
  readonly id: string;
  readonly principal: string;
  readonly what: string;
  readonly state: string;
  readonly decidedBy: string | null;
  readonly createdAt: string;
}

/** The list of requests that somebody may see, those that wait first, each newest first. */
export function inboxBody(
  statements: readonly ApprovalRequest[],
  access: readonly AccessRequest[],
  viewer: { readonly name: string },
): Html {
  const requests: Listed[] = [
    ...statements.map((request) => ({ ...request, what: `${request.kind} on ${request.connection}` })),
    ...access.map((request) => ({ ...request, what: `access to ${request.connection}` })),
  ].sort((left, right) => (left.createdAt < right.createdAt ? 1 : -1));
  const open = requests.filter(({ state }) => state === 'pending');
  const others = requests.filter(({ state }) => state !== 'pending');
  if (requests.length === 0) return html`<p>There are no requests that you made or may decide.</p>`;
  return html`${open.length === 0 && html`<p>Nothing waits for a decision.</p>`}
${open.length > 0 && table('Waiting', open, viewer)}
${others.length > 0 && table('Decided and ended', others, viewer)}`;
}

function table(title: string, requests: readonly Listed[], viewer: { readonly name: string }): Html {
  return html`<h2>${title}</h2>
<table><thead><tr><th scope="col">Request</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">State</th></tr></thead><tbody>
${requests.map(
  ({ id, principal, what, state, decidedBy }) => html`<tr>
<td><a href="/requests/${id}">${id}</a></td><td>${principal === viewer.name ? 'you' : principal}</td>
<td>${what}</td><td>${state}${decidedBy !== null && ` by ${decidedBy}`}</td></tr>`,
)}
</tbody></table>`;
}

/** One request with all that helps to decide it, and the form for those who may. `csrf` belongs to the viewer's browser; `complaint`: why the last try failed. */
export function requestBody(request: RequestDetails, csrf: string, complaint?: string): Html {
  const { statement, parameters, tables, history } = request;
  const values = parameters.map((value, index) => `$${index + 1} = ${value ?? 'NULL'}`);
  return html`${complaint !== undefined && html`<p class="error" role="alert">${complaint}</p>`}
<p role="status">${sentenceOf(request)}</p>
<h2>Statement</h2>
<pre tabindex="0">${statement}</pre>
<dl>
${values.length > 0 && fact('Parameters', values.join(', '))}
${fact('Asked by', request.principal)}
${fact('Where', `${request.connection}, database ${request.database}, role ${request.role}`)}
${fact('What it does', `${request.kind} on ${tables.join(', ') || 'no table'}`)}
${request.estimate !== null && fact('Estimated rows', request.estimate.rows ?? `unknown: ${request.estimate.why ?? ''}`)}
${fact('Rule', `${request.rule}: ${request.reason}`)}
${fact('Who decides', whoDecides(request))}
${fact('Asked', request.createdAt)}
${request.state === 'pending' && fact('Open until', request.expiresAt)}
</dl>
${request.decisions.length > 0 && decisionsOf(request)}
${request.mayDecide && form(request.id, csrf)}
${request.whyNot !== null && html`<p>${request.whyNot}</p>`}
<h2>What ${request.principal} did before</h2>
<p>In ${history.days} days: ${history.sessions} sessions, ${history.statements} statements, ${history.denied} denied.</p>
${history.requests.length > 0 && historyOf(history.requests)}
<p><a href="/requests">All requests</a></p>`;
}

/** A request for access, in the same manner. */
export function accessBody(request: AccessRequest, csrf: string, complaint?: string): Html {
  const { seconds, ticket } = request;
  return html`${complaint !== undefined && html`<p class="error" role="alert">${complaint}</p>`}
<p role="status">${sentenceOf({ ...request, mode: 'wait' })}</p>
<dl>
${fact('Asked by', request.principal)}
${fact('For', `access to ${request.connection}`)}
${fact('How long', durationText(seconds))}
${fact('Reason', request.reason || 'none given')}
${ticket !== null && fact('Ticket', ticket)}
${fact('Rule', request.rule)}
${fact('Who decides', whoDecides(request))}
${fact('Asked', request.createdAt)}
${request.state === 'pending' && fact('Open until', request.expiresAt)}
${request.grant !== null && fact('Grant', request.grant)}
</dl>
${request.decisions.length > 0 && decisionsOf(request)}
${request.mayDecide && form(request.id, csrf)}
${request.whyNot !== null && html`<p>${request.whyNot}</p>`}
<p><a href="/requests">All requests</a></p>`;
}

/** e.g. `2 h`, `90 min`. */
function durationText(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${Math.round(seconds / 60)} min`;
}

function form(id: string, csrf: string): Html {
  return html`<form method="post" action="/requests/${id}">
<input type="hidden" name="csrf" value="${csrf}">
<label for="reason">Reason</label>
<input id="reason" name="reason" maxlength="2000" required autocomplete="off" aria-describedby="reason-hint">
<p id="reason-hint">It is kept in the audit log and shown to the person who asked.</p>
<button class="primary" name="decision" value="approve">Approve</button>
<button name="decision" value="deny">Deny</button>
</form>`;
}

function sentenceOf({
  state,
  decidedBy,
  decisionReason,
  mode,
}: Pick<RequestDetails, 'decidedBy' | 'decisionReason' | 'mode'> & { readonly state: string }): string {
  const by = decidedBy === null ? '' : ` by ${decidedBy}`;
  const why = decisionReason === null || decisionReason === '' ? '' : `: ${decisionReason}`;
  if (state === 'pending') return 'This request waits for a decision.';
  if (state === 'approved' && mode === 'retry') return `Approved${by}${why}. It runs once, when it is sent again.`;
  return `${state.charAt(0).toUpperCase()}${state.slice(1)}${by}${why}.`;
}

function whoDecides({ approvers, require, people }: Pick<RequestDetails, 'approvers' | 'require' | 'people'>): string {
  const groups = approvers.join(require === 'all-of' ? ' and ' : ' or ');
  if (require === 'all-of') return `somebody of each of ${groups}, each another person`;
  return people === 1 ? `somebody of ${groups}` : `${people} people of ${groups}`;
}

function decisionsOf({ decisions }: Pick<RequestDetails, 'decisions'>): Html {
  return html`<h2>Decisions so far</h2><ul>
${decisions.map(
  ({ by, decision, reason, at }) =>
    html`<li>${by} ${decision === 'approve' ? 'approved' : 'denied'} at ${at}${reason !== '' && `: ${reason}`}</li>`,
)}</ul>`;
}

function historyOf(requests: RequestDetails['history']['requests']): Html {
  return html`<table><thead><tr><th scope="col">Request</th><th scope="col">What</th><th scope="col">State</th></tr></thead><tbody>
${requests.map(
  ({ id, kind, tables, connection, state }) =>
    html`<tr><td>${id}</td><td>${kind} on ${tables.join(', ') || connection}</td><td>${state}</td></tr>`,
)}
</tbody></table>`;
}

const fact = (name: string, value: string | number): Html => html`<dt>${name}</dt><dd>${value}</dd>`;
