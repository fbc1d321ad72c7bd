import type { FastifyReply } from 'fastify';
import { type Html, html } from './html.ts';

/** A page of the gateway. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** HTTP status; 200 when absent. */
  readonly status?: number;
  /** Origins beside the gateway's own that a form of this page may lead to, also by redirection. */
  readonly formTargets?: readonly string[];
  /** Paths of scripts of the gateway that the page needs. Pages work without scripts unless they cannot (passkeys). */
  readonly scripts?: readonly string[];
}

/** Path of the one stylesheet. */
export const stylesheetPath = '/pages/weir.css';

/** Headers of a page: nothing from elsewhere, nothing inline, no frames, no caches, no addresses passed on. */
export function headersOf({ formTargets = [], scripts = [] }: Page): Record<string, string> {
  const script = scripts.length === 0 ? '' : " script-src 'self'; connect-src 'self';";
  const forms = ["'self'", ...formTargets].join(' ');
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'self';${script} form-action ${forms}; base-uri 'none'; frame-ancestors 'none'`,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}

/** The whole document. */
export function renderPage({ title, body, scripts = [] }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Weir</title>
<link rel="stylesheet" href="${stylesheetPath}">
${scripts.map((path) => html`<script src="${path}" defer></script>`)}
</head>
<body>
<header>Weir</header>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.text;
}

/** Answers with a page. */
export function sendPage(reply: FastifyReply, page: Page): void {
  void reply
    .status(page.status ?? 200)
    .headers(headersOf(page))
    .send(renderPage(page));
}
