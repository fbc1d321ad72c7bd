import { Body, Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AuditLog } from '../../audit/audit-log.ts';
import { pathOf } from '../../http/path-of.ts';
import { ZodPipe } from '../../http/zod-pipe.ts';
import type { Browsers } from '../../pages/browser.ts';
import { type Html, html } from '../../pages/html.ts';
import { sendPage } from '../../pages/render-page.ts';
import type { Caller } from '../caller.ts';
import type { SignIn } from '../oauth/sign-in.ts';
import { Public } from '../permissions.ts';
import type { Confirmation, Confirmations } from './confirmations.ts';

export const CONFIRMATION_PAGES = Symbol('confirmation pages');

/** What the pages stand on. */
export interface ConfirmationPages {
  readonly confirmations: Pick<Confirmations, 'find' | 'settle'>;
  readonly signIn: Pick<SignIn, 'callerOf'>;
  readonly browsers: Pick<Browsers, 'idOf' | 'csrfOf' | 'requireOwnForm'>;
  readonly audit: AuditLog;
}

const formSchema = z.object({ csrf: z.string().max(100).optional(), decision: z.enum(['confirm', 'deny']) });

/** The page on which somebody confirms that the SSH client that waits is his. */
@Controller('ssh/sign-in')
export class ConfirmationPagesController {
  constructor(@Inject(CONFIRMATION_PAGES) private readonly pages: ConfirmationPages) {}

  @Public()
  @Get(':id')
  async show(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const found = await this.find(id, request, reply);
    if (found === undefined) return;
    const { confirmation, caller } = found;
    const csrf = this.pages.browsers.csrfOf(this.pages.browsers.idOf(request, reply));
    sendPage(reply, {
      title: 'Sign in an SSH client',
      body: html`<p>A program wants to sign in as you by SSH. Confirm only if you have just started it yourself, and your terminal shows this code.</p>
<p class="code">${confirmation.code}</p>
<dl>
<dt>Account</dt><dd>${confirmation.user}</dd>
<dt>Connection</dt><dd>${confirmation.connection}</dd>
<dt>From the address</dt><dd>${confirmation.clientAddress}</dd>
<dt>Program</dt><dd>${confirmation.clientVersion}</dd>
<dt>Your second factor</dt><dd>${caller.mfaAtMs === null ? 'not used in this sign-in' : `used at ${new Date(caller.mfaAtMs).toISOString()}`}</dd>
</dl>
${confirmation.clientAddress !== request.ip && html`<p class="error" role="alert">Your browser comes from another address: ${request.ip}. Look twice whether the program is yours.</p>`}
<form method="post" action="/ssh/sign-in/${id}">
<input type="hidden" name="csrf" value="${csrf}">
<button class="primary" name="decision" value="confirm">Yes, it is mine</button>
<button name="decision" value="deny">No, deny it</button>
</form>
<form method="post" action="/account/step-up"><input type="hidden" name="csrf" value="${csrf}">
<p>Some connections ask for a second factor. Use yours first, then open this page again.</p>
<button>Use a passkey</button></form>`,
    });
  }

  @Public()
  @Post(':id')
  async decide(
    @Param('id') id: string,
    @Body(new ZodPipe(formSchema)) { csrf, decision }: z.output<typeof formSchema>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.pages.browsers.requireOwnForm(request, csrf);
    const found = await this.find(id, request, reply);
    if (found === undefined) return;
    const { confirmation, caller } = found;
    const isConfirmed = decision === 'confirm';
    await this.pages.audit.append({
      ...{ actor: caller.name, subject: caller.name },
      action: isConfirmed ? 'ssh-sign-in-confirmed' : 'ssh-sign-in-denied',
      detail: {
        ...{ connection: confirmation.connection, code: confirmation.code, address: request.ip },
        clientAddress: confirmation.clientAddress,
        ...{ before: 'waiting', after: isConfirmed ? 'confirmed' : 'denied' },
      },
    });
    const outcome = isConfirmed ? ({ kind: 'confirmed', caller } as const) : ({ kind: 'denied' } as const);
    if (!this.pages.confirmations.settle(id, outcome)) return ended(reply);
    page(
      reply,
      isConfirmed ? 'Signed in' : 'Denied',
      html`<p role="status">${isConfirmed ? 'The program goes on in your terminal. You can close this page.' : 'The program was not signed in. If you did not start it, somebody may know your account’s name: tell an administrator.'}</p>`,
    );
  }

  /** The confirmation and the person of this browser; otherwise the answer is given: to sign in, that it has ended, or that it is somebody else's. */
  private async find(
    id: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<{ confirmation: Confirmation; caller: Caller } | undefined> {
    const caller = await this.pages.signIn.callerOf(request);
    if (caller === undefined) {
      void reply.redirect(`/sign-in?next=${encodeURIComponent(pathOf(request.url))}`, 303);
      return undefined;
    }
    const confirmation = this.pages.confirmations.find(id);
    if (confirmation === undefined) {
      ended(reply);
      return undefined;
    }
    if (confirmation.user === caller.name) return { confirmation, caller };
    page(
      reply,
      'Another account',
      html`<p class="error" role="alert">The program wants to sign in as ${confirmation.user}, and you are ${caller.name}.</p>
<p>If it is yours, sign out here and sign in as ${confirmation.user}, or start it again as ${caller.name}.</p>`,
      403,
    );
    return undefined;
  }
}

function ended(reply: FastifyReply): void {
  page(
    reply,
    'This sign-in has ended',
    html`<p>It waited for more than two minutes, was used, or its program has gone. Start the program again.</p>`,
    404,
  );
}

function page(reply: FastifyReply, title: string, body: Html, status = 200): void {
  sendPage(reply, { title, status, body });
}
