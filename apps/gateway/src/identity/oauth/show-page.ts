import type { KoaContextWithOIDC } from 'oidc-provider';
import { headersOf, type Page, renderPage } from '../../pages/render-page.ts';

/** Answers with a page inside of oidc-provider. */
export function showPage(ctx: KoaContextWithOIDC, page: Page): void {
  ctx.type = 'html';
  ctx.set(headersOf(page));
  ctx.body = renderPage(page);
}
