import { Body, Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { isWeirError, type WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ZodPipe } from '../../http/zod-pipe.ts';
import type { Browsers } from '../../pages/browser.ts';
import { type Html, html } from '../../pages/html.ts';
import { sendPage } from '../../pages/render-page.ts';
import { hashOfId } from '../../store/oauth.ts';
import type { LocalAccounts } from '../local-accounts.ts';
import type { AuthorizationServer } from '../oauth/authorization-server.ts';
import type { SignIn, SignInInteraction } from '../oauth/sign-in.ts';
import { Public } from '../permissions.ts';
import { passkeyForm } from './passkey-form.ts';
import { passkeyScript, passkeyScriptPath } from './passkey-script.ts';
import type { Passkeys } from './passkeys.ts';
import { requireOwnAccount } from './sign-in-rules.ts';
import type { StepUp } from './step-up.ts';

export const PASSKEY_PAGES = Symbol('passkey pages');

/** What the pages stand on. */
export interface PasskeyPages {
  readonly passkeys: Passkeys;
  readonly stepUp: StepUp;
  readonly signIn: SignIn;
  readonly server: Pick<AuthorizationServer, 'issuer'>;
  readonly browsers: Browsers;
  readonly local: LocalAccounts;
  readonly now: () => number;
}

const answerSchema = z.object({ csrf: z.string().max(100).optional(), answer: z.string().min(1).max(50_000) });
type Answer = z.output<typeof answerSchema>;

/** Pages on which passkeys are used: to sign in, and to prove oneself again. */
@Controller()
export class PasskeyPagesController {
  constructor(@Inject(PASSKEY_PAGES) private readonly pages: PasskeyPages) {}

  @Public()
  @Get(passkeyScriptPath)
  script(@Res() reply: FastifyReply): void {
    const headers = { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'max-age=3600' };
    void reply.headers(headers).send(passkeyScript);
  }

  @Public()
  @Get('sign-in/:interaction/passkey')
  async showSignIn(
    @Param('interaction') id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const interaction = await this.pages.signIn.findOwn(request, reply, id);
    if (interaction === undefined) return this.gone(reply);
    await this.signInPage(interaction, request, reply);
  }

  @Public()
  @Post('sign-in/:interaction/passkey')
  async finishSignIn(
    @Param('interaction') id: string,
    @Body(new ZodPipe(answerSchema)) { csrf, answer }: Answer,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { browsers, passkeys, local, signIn } = this.pages;
    browsers.requireOwnForm(request, csrf);
    const interaction = await this.pages.signIn.findOwn(request, reply, id);
    if (interaction === undefined) return this.gone(reply);
    try {
      const wanted = signInChallenge(browsers.idOf(request, reply));
      const { user, amr, atMs } = await passkeys.assert(answer, wanted, request.ip);
      requireOwnAccount(user, local);
      await local.report(user, request.ip);
      const result = { userId: user.id, amr, authTimeMs: atMs, mfaAtMs: atMs, epoch: user.sign_in_epoch };
      void reply.redirect(await signIn.finish(request, reply, id, result), 303);
    } catch (error) {
      if (!isWeirError(error) || error.code === 'internal') throw error;
      await this.signInPage(interaction, request, reply, error);
    }
  }

  @Public()
  @Get('step-up/:code')
  async showStepUp(
    @Param('code') code: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.stepUpPage(code, request, reply);
  }

  @Public()
  @Post('step-up/:code')
  async finishStepUp(
    @Param('code') code: string,
    @Body(new ZodPipe(answerSchema)) { csrf, answer }: Answer,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { browsers, stepUp } = this.pages;
    browsers.requireOwnForm(request, csrf);
    try {
      const { kind } = await stepUp.finish(code, answer, request.ip);
      if (kind === 'browser') return void reply.redirect('/account', 303);
      sendPage(reply, {
        title: 'You have proved that it is you',
        body: html`<p>Close this page and go back to the terminal. What asked for a second factor works in new sessions.</p>`,
      });
    } catch (error) {
      if (!isWeirError(error) || error.code === 'internal') throw error;
      await this.stepUpPage(code, request, reply, error);
    }
  }

  private async signInPage(
    interaction: SignInInteraction,
    request: FastifyRequest,
    reply: FastifyReply,
    failed?: WeirError,
  ): Promise<void> {
    const { browsers, passkeys } = this.pages;
    const browser = browsers.idOf(request, reply);
    const action = `/sign-in/${interaction.id}/passkey`;
    const options = await passkeys.assertionOptions(signInChallenge(browser));
    const form = { kind: 'get', action, options, csrf: browsers.csrfOf(browser), button: 'Use a passkey' } as const;
    sendPage(reply, {
      title: 'Sign in with a passkey',
      status: failed?.entry.httpStatus ?? 200,
      formTargets: interaction.formTargets,
      scripts: [passkeyScriptPath],
      body: html`<p>Sign in to ${interaction.purpose}.</p>
${failed && complaint(failed)}
${passkeyForm(form)}
<p><a href="/sign-in/${interaction.id}">Other ways to sign in</a></p>`,
    });
  }

  private async stepUpPage(
    code: string,
    request: FastifyRequest,
    reply: FastifyReply,
    failed?: WeirError,
  ): Promise<void> {
    const { browsers, stepUp } = this.pages;
    const waiting = await stepUp.find(code);
    if (waiting === undefined) return this.gone(reply);
    const browser = browsers.idOf(request, reply);
    const options = await stepUp.options(code, waiting);
    const csrf = browsers.csrfOf(browser);
    const form = { kind: 'get', action: `/step-up/${code}`, options, csrf, button: 'It is me: use a passkey' } as const;
    sendPage(reply, {
      title: 'Prove that it is you',
      status: failed?.entry.httpStatus ?? 200,
      scripts: [passkeyScriptPath],
      body: html`<p>${waiting.kind === 'program' ? 'A program in which you are signed in' : 'This browser'} asks for a second factor. If you did not start
this yourself, or somebody sent you the address of this page, stop here.</p>
<dl><dt>Asked from</dt><dd>${waiting.address}</dd></dl>
${failed && complaint(failed)}
${passkeyForm(form)}`,
    });
  }

  /** The interaction, when it was begun in this browser. */
  private gone(reply: FastifyReply): void {
    sendPage(reply, {
      title: 'This page has ended',
      status: 410,
      body: html`<p>It waited too long, was used, or was begun in another browser. Nothing was changed.</p>
<p>Go back to where you came from and start again.</p>`,
    });
  }
}

/** A challenge for signing in is good in the browser that asked for it. */
function signInChallenge(browserId: string) {
  return { purpose: 'sign-in', userId: null, subject: hashOfId(browserId).toString('hex') };
}

/** What a page says of a refusal. */
export function complaint({ message, why, fix }: WeirError): Html {
  return html`<p class="error" role="alert">${message} ${why ?? ''} ${fix}</p>`;
}
