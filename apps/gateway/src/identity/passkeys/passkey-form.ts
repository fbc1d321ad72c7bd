import { type Html, html } from '../../pages/html.ts';

/** A form that asks for a passkey before it is sent (passkey-script.ts). The script enables its button. */
export function passkeyForm(form: {
  /** `create` registers a new one. */
  readonly kind: 'create' | 'get';
  readonly action: string;
  readonly options: object;
  readonly csrf: string;
  readonly button: string;
  readonly fields?: Html;
}): Html {
  return html`<form method="post" action="${form.action}" data-passkey="${form.kind}" data-options="${JSON.stringify(form.options)}">
<input type="hidden" name="csrf" value="${form.csrf}">
<input type="hidden" name="answer" value="">
${form.fields}
<button class="primary" disabled>${form.button}</button>
<p role="status"></p>
<noscript><p class="error">Passkeys need scripts: allow those of this address.</p></noscript>
</form>`;
}
