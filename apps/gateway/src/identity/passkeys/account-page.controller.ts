import { Body, Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import { isWeirError, WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ZodPipe } from '../../http/zod-pipe.ts';
import { type Html, html } from '../../pages/html.ts';
import { sendPage } from '../../pages/render-page.ts';
import { hashOfId } from '../../store/oauth.ts';
import type { PasskeyRow } from '../../store/passkeys.ts';
import type { Caller } from '../caller.ts';
import { Public } from '../permissions.ts';
import { passkeyForm } from './passkey-form.ts';
import { complaint, PASSKEY_PAGES, type PasskeyPages } from './passkey-pages.controller.ts';
import { passkeyScriptPath } from './passkey-script.ts';
import { canHavePasskeys } from './relying-party.ts';

/** How fresh a proof must be to change passkeys. */
const freshMs = 600_000;

const csrf = z.string().max(100).optional();
const addSchema = z.object({ csrf, name: z.string().trim().min(1).max(60), answer: z.string().min(1).max(50_000) });
const removeSchema = z.object({ csrf, id: z.string().min(1).max(1400) });
const emptySchema = z.object({ csrf });

/** The page of a person's own account: passkeys. */
@Controller('account')
export class AccountPageController {
  constructor(@Inject(PASSKEY_PAGES) private readonly pages: PasskeyPages) {}

  @Public()
  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.caller(request, reply);
    if (caller !== undefined) await this.page(caller, request, reply);
  }

  @Public()
  @Post('passkeys')
  async add(
    @Body(new ZodPipe(addSchema)) form: z.output<typeof addSchema>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.change(form.csrf, request, reply, async (caller) => {
      const { name, answer } = form;
      await this.pages.passkeys.register(caller, this.browser(request, reply), { name, answer, address: request.ip });
    });
  }

  @Public()
  @Post('passkeys/remove')
  async remove(
    @Body(new ZodPipe(removeSchema)) form: z.output<typeof removeSchema>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.change(form.csrf, request, reply, (caller) => this.pages.passkeys.remove(caller, form.id));
  }

  /** Leads to the page on which this browser's sign-in gets a fresh second factor. */
  @Public()
  @Post('step-up')
  async stepUp(
    @Body(new ZodPipe(emptySchema)) form: z.output<typeof emptySchema>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.pages.browsers.requireOwnForm(request, form.csrf);
    const caller = await this.caller(request, reply);
    if (caller === undefined) return;
    const { id: userId, tokenId: signIn } = caller;
    const { code } = await this.pages.stepUp.begin({ kind: 'browser', userId, signIn, address: request.ip });
    void reply.redirect(`/step-up/${code}`, 303);
  }

  private async change(
    token: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
    act: (caller: Caller) => Promise<void>,
  ): Promise<void> {
    this.pages.browsers.requireOwnForm(request, token);
    const caller = await this.caller(request, reply);
    if (caller === undefined) return;
    try {
      if (!this.isFresh(caller, await this.pages.passkeys.list(caller.id))) throw stale();
      await act(caller);
      void reply.redirect('/account', 303);
    } catch (error) {
      if (!isWeirError(error) || error.code === 'internal') throw error;
      await this.page(caller, request, reply, error);
    }
  }

  private async page(caller: Caller, request: FastifyRequest, reply: FastifyReply, failed?: WeirError): Promise<void> {
    const { passkeys, browsers, server } = this.pages;
    const held = await passkeys.list(caller.id);
    const token = browsers.csrfOf(browsers.idOf(request, reply));
    const isFresh = this.isFresh(caller, held);
    const isPossible = canHavePasskeys(server.issuer);
    const options =
      isFresh && isPossible
        ? await passkeys.registrationOptions(
            { id: caller.id, name: caller.name, display_name: null },
            this.browser(request, reply),
          )
        : undefined;
    sendPage(reply, {
      title: `Account ${caller.name}`,
      status: failed?.entry.httpStatus ?? 200,
      scripts: options === undefined ? [] : [passkeyScriptPath],
      body: html`${failed && complaint(failed)}
<h2>Passkeys</h2>
<p>A passkey proves that it is you, by a finger, face or PIN on your device. Some connections ask for it.</p>
${held.length === 0 ? html`<p>You have none yet.</p>` : html`<ul>${held.map((one) => itemOf(one, token, isFresh))}</ul>`}
${isPossible ? undefined : html`<p>Passkeys need a host name under https, and this gateway is at ${server.issuer}.</p>`}
${options && addForm(options, token)}
${isPossible && !isFresh && proofOf(held, token)}
<p><a href="/signed-in">Sign-in of this browser</a></p>`,
    });
  }

  /** The first passkey needs a fresh sign-in, all others a passkey: a password alone cannot add one. */
  private isFresh({ authTimeMs, mfaAtMs }: Caller, held: readonly PasskeyRow[]): boolean {
    return this.pages.now() - ((held.length === 0 ? authTimeMs : mfaAtMs) ?? 0) <= freshMs;
  }

  private browser(request: FastifyRequest, reply: FastifyReply): string {
    return hashOfId(this.pages.browsers.idOf(request, reply)).toString('hex');
  }

  private async caller(request: FastifyRequest, reply: FastifyReply): Promise<Caller | undefined> {
    const caller = await this.pages.signIn.callerOf(request);
    if (caller === undefined) void reply.redirect('/sign-in?next=/account', 303);
    return caller;
  }
}

function itemOf(
  { id, name, last_used_at: used, locked_at: locked }: PasskeyRow,
  token: string,
  isFresh: boolean,
): Html {
  const state = locked ? 'locked: a copy was used' : `last used ${used?.toISOString() ?? 'never'}`;
  return html`<li>${name} (${state})
${
  isFresh &&
  html`<form method="post" action="/account/passkeys/remove"><input type="hidden" name="csrf" value="${token}">
<input type="hidden" name="id" value="${id}"><button>Remove ${name}</button></form>`
}</li>`;
}

function addForm(options: object, token: string): Html {
  const fields = html`<label for="name">Name of the new passkey</label>
<input id="name" name="name" required maxlength="60" value="Passkey" autocomplete="off">`;
  return passkeyForm({
    kind: 'create',
    action: '/account/passkeys',
    options,
    csrf: token,
    button: 'Add a passkey',
    fields,
  });
}

/** How to make the sign-in fresh enough. */
function proofOf(held: readonly PasskeyRow[], token: string): Html {
  if (held.length === 0)
    return html`<p><a class="button" href="/sign-in?next=/account">Sign in again to add a passkey</a></p>`;
  return html`<form method="post" action="/account/step-up"><input type="hidden" name="csrf" value="${token}">
<button>Use a passkey to change passkeys</button></form>
<p>If you have lost all of them, ask an administrator: <code>weir users reset-passkeys NAME</code></p>`;
}

function stale(): WeirError {
  return new WeirError('not_permitted', 'Passkeys are changed right after proving that it is you.', {
    why: 'The first one needs a sign-in of the last ten minutes, all others a passkey.',
    fix: 'Prove it again on this page.',
  });
}
