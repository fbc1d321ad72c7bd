import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { html } from '../../pages/html.ts';
import { showPage } from './show-page.ts';

type DeviceFlow = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;

const action = '/oauth/device';
const secretOf = (ctx: KoaContextWithOIDC): string => String(ctx.oidc.session?.state?.['secret'] ?? '');

/** The pages, with the form of the codes. */
export type DeviceSources = Pick<
  Required<DeviceFlow>,
  'charset' | 'mask' | 'userCodeInputSource' | 'userCodeConfirmSource' | 'successSource'
>;

/** Pages of the device flow (RFC 8628): type the code, confirm it, done. `onWrongCode` hears of codes that are none. */
export const deviceSourcesOf = (onWrongCode: (ctx: KoaContextWithOIDC) => void): DeviceSources => ({
  charset: 'base-20',
  mask: '****-****',
  userCodeInputSource: (ctx, _form, out, error) => {
    const failure = out === undefined && error === undefined ? undefined : explain(error);
    if (error instanceof Error && error.name === 'NotFoundError') onWrongCode(ctx);
    showPage(ctx, {
      title: 'Sign in another device',
      body: html`${failure !== undefined && html`<p class="error" role="alert">${failure}</p>`}
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${secretOf(ctx)}">
<label for="code">Code that the device shows</label>
<input id="code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false" required autofocus maxlength="20">
<button class="primary">Continue</button>
</form>`,
    });
  },
  userCodeConfirmSource: (ctx, _form, client, deviceInfo, userCode) => {
    showPage(ctx, {
      title: 'Is this your device?',
      body: html`<p>Compare the code with the one that the device shows now. If you did not start this yourself, or somebody sent you the code, stop here.</p>
<p class="code">${userCode}</p>
<dl><dt>Program</dt><dd>${client.clientName ?? client.clientId}</dd><dt>Asked from</dt><dd>${String(deviceInfo['ip'] ?? 'unknown')}</dd></dl>
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${secretOf(ctx)}">
<input type="hidden" name="user_code" value="${userCode}">
<button class="primary" name="confirm" value="yes">It is mine: continue</button>
<button name="abort" value="yes">Stop</button>
</form>`,
    });
  },
  successSource: (ctx) => {
    showPage(ctx, {
      title: 'The device is signed in',
      body: html`<p>You can close this page and go back to the device.</p>`,
    });
  },
});

function explain(error: unknown): string {
  const name = error instanceof Error ? error.name : '';
  if (name === 'InvalidRequest') return 'The form did not come from this page in your browser. Type the code again.';
  if (name === 'NoCodeError') return 'Type the code that the device shows.';
  if (name === 'AbortedError') return 'Stopped: the device was not signed in.';
  if (name === 'ExpiredError') return 'The code has ended. Start again on the device.';
  return 'This code is unknown or was used. Check it, or start again on the device.';
}
