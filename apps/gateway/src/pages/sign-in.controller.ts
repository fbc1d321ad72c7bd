import { Body, Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { isWeirError, WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ZodPipe } from '../http/zod-pipe.ts';
import type { PasswordSignIn } from '../identity/check-password.ts';
import type { AuthorizationServer } from '../identity/oauth/authorization-server.ts';
import { pageInteraction, type SignIn, type SignInInteraction } from '../identity/oauth/sign-in.ts';
import { Public } from '../identity/permissions.ts';
import type { Browsers } from './browser.ts';
import { type Html, html } from './html.ts';
import { sendPage, stylesheetPath } from './render-page.ts';
import { stylesheet } from './stylesheet.ts';

export const PAGES = Symbol('pages');

/** What the pages of sign-in stand on. */
export interface SignInPages {
  readonly signIn: SignIn;
  readonly server: AuthorizationServer;
  readonly browsers: Browsers;
  readonly checkPassword: PasswordSignIn;
}

const formSchema = z.object({
  user: z.string().min(1).max(200),
  password: z.string().min(1).max(1024),
  csrf: z.string().max(100).optional(),
});
type Form = z.output<typeof formSchema>;
const consentSchema = z.object({ decision: z.enum(['allow', 'deny']), csrf: z.string().max(100).optional() });
const csrfSchema = z.object({ csrf: z.string().max(100).optional() });

/** Pages for signing in, consent and signing out. The sign-in form takes JSON, too: that is how the command line signs in without a browser. */
@Controller()
export class SignInController {
  constructor(@Inject(PAGES) private readonly pages: SignInPages) {}

  @Public()
  @Get(stylesheetPath)
  style(@Res() reply: FastifyReply): void {
    void reply.headers({ 'content-type': 'text/css; charset=utf-8', 'cache-control': 'max-age=3600' }).send(stylesheet);
  }

  /** Leads to the sign-in page for another page of the gateway (`next`). */
  @Public()
  @Get('sign-in')
  start(@Query('next') next: string | undefined, @Res() reply: FastifyReply): void {
    void reply.redirect(`/sign-in/${pageInteraction(next ?? '/signed-in')}`, 303);
  }

  @Public()
  @Get('sign-in/:interaction')
  async show(
    @Param('interaction') id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { signIn, browsers } = this.pages;
    const interaction = await signIn.find(id);
    if (interaction === undefined) return this.gone(request, reply);
    const csrf = browsers.csrfOf(browsers.idOf(request, reply));
    if (wantsJson(request)) {
      const methods = signIn.methods.map((method) => ({ id: method.id, label: method.label }));
      void reply.send({ csrf, purpose: interaction.purpose, methods });
      return;
    }
    this.form(reply, interaction, csrf);
  }

  @Public()
  @Post('sign-in/:interaction')
  async submit(
    @Param('interaction') id: string,
    @Body(new ZodPipe(formSchema)) form: Form,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { signIn, browsers, checkPassword } = this.pages;
    browsers.requireOwnForm(request, form.csrf);
    const interaction = await signIn.findOwn(request, reply, id);
    if (interaction === undefined) return this.gone(request, reply);
    try {
      const { user, atMs } = await checkPassword({ user: form.user, password: form.password }, request.ip);
      const location = await signIn.finish(request, reply, id, {
        ...{ userId: user.id, amr: ['pwd'], authTimeMs: atMs, mfaAtMs: null, epoch: user.sign_in_epoch },
      });
      if (wantsJson(request)) void reply.status(200).send({ location });
      else void reply.redirect(location, 303);
    } catch (error) {
      if (!isWeirError(error) || wantsJson(request)) throw error;
      const csrf = browsers.csrfOf(browsers.idOf(request, reply));
      this.form(reply, interaction, csrf, { error, user: form.user });
    }
  }

  @Public()
  @Get('consent/:interaction')
  async showConsent(
    @Param('interaction') id: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { server, browsers } = this.pages;
    const found = await server.find(id);
    if (found?.step !== 'consent' || !(await server.isOwn(request, reply, id))) return this.gone(request, reply);
    const csrf = browsers.csrfOf(browsers.idOf(request, reply));
    sendPage(reply, {
      title: `Let ${found.clientName} act for you?`,
      formTargets: found.redirectOrigin === null ? [] : [found.redirectOrigin],
      body: html`<p>${found.clientName} asks to use the gateway as you: to see your connections and open sessions, within your own rights.</p>
<dl><dt>It gets the answer at</dt><dd>${found.redirectOrigin ?? 'a device'}</dd></dl>
<form method="post">
<input type="hidden" name="csrf" value="${csrf}">
<button class="primary" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Do not allow</button>
</form>`,
    });
  }

  @Public()
  @Post('consent/:interaction')
  async consent(
    @Param('interaction') id: string,
    @Body(new ZodPipe(consentSchema)) form: z.output<typeof consentSchema>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { server, browsers } = this.pages;
    browsers.requireOwnForm(request, form.csrf);
    if (!(await server.isOwn(request, reply, id))) return this.gone(request, reply);
    void reply.redirect(await server.finishConsent(id, form.decision === 'allow'), 303);
  }

  @Public()
  @Get('signed-in')
  async signedIn(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.pages.signIn.callerOf(request);
    if (caller === undefined) return void reply.redirect('/sign-in', 303);
    const csrf = this.pages.browsers.csrfOf(this.pages.browsers.idOf(request, reply));
    sendPage(reply, {
      title: `Signed in as ${caller.name}`,
      body: html`<form method="post" action="/sign-out"><input type="hidden" name="csrf" value="${csrf}">
<button>Sign out</button></form>
<p><a href="/account">Passkeys of the account</a></p>`,
    });
  }

  @Public()
  @Post('sign-out')
  async signOut(
    @Body(new ZodPipe(csrfSchema)) form: z.output<typeof csrfSchema>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.pages.browsers.requireOwnForm(request, form.csrf);
    await this.pages.signIn.signOut(request, reply);
    sendPage(reply, {
      title: 'Signed out',
      body: html`<p>This browser is signed out. Programs that you signed in stay so: run <code>weir logout</code> there.</p>`,
    });
  }

  private form(
    reply: FastifyReply,
    interaction: SignInInteraction,
    csrf: string,
    again?: { readonly error: WeirError; readonly user: string },
  ): void {
    sendPage(reply, {
      title: 'Sign in',
      status: again?.error.entry.httpStatus ?? 200,
      formTargets: interaction.formTargets,
      body: html`<p>Sign in to ${interaction.purpose}.</p>
${again !== undefined && complaint(again.error)}
<form method="post" action="/sign-in/${interaction.id}">
<input type="hidden" name="csrf" value="${csrf}">
<label for="user">Name</label>
<input id="user" name="user" autocomplete="username" required autofocus maxlength="200" value="${again?.user ?? ''}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024">
<button class="primary">Sign in</button>
</form>
${this.pages.signIn.methods.map((method) => html`<p><a class="button" href="${method.href(interaction)}">${method.label}</a></p>`)}`,
    });
  }

  private gone(request: FastifyRequest, reply: FastifyReply): void {
    if (wantsJson(request))
      throw new WeirError('sign_in_required', 'This sign-in has ended or belongs to another browser.');
    sendPage(reply, {
      title: 'This sign-in has ended',
      status: 410,
      body: html`<p>It waited too long, was used, or was begun in another browser. Nothing was changed.</p>
<p>Go back to where you came from and start again.</p>`,
    });
  }
}

function complaint(error: WeirError): Html {
  return html`<p class="error" role="alert">${error.message} ${error.fix}</p>`;
}

function wantsJson(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').split(',', 1)[0]?.trim().startsWith('application/json') ?? false;
}
