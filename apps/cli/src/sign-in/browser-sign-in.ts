import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beginCodeFlow, type DpopKey, type ServerMetadata, type Tokens } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { note } from '../terminal/output.ts';

/** How long the browser may take, ms. */
const timeoutMs = 600_000;

/** Signs in by a browser on this computer: it is sent back to a port of this program on loopback (RFC 8252). */
export async function signInByBrowser(cli: Cli, metadata: ServerMetadata, key: DpopKey): Promise<Tokens> {
  const arrived = Promise.withResolvers<URL>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const isCallback = request.method === 'GET' && url.pathname === '/callback';
    const text = isCallback ? 'You can close this page and go back to the terminal.\n' : 'Nothing is here.\n';
    response.writeHead(isCallback ? 200 : 404, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      connection: 'close',
    });
    response.end(text, () => {
      if (isCallback) arrived.resolve(url);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const timer = setTimeout(() => {
    arrived.reject(new WeirError('sign_in_required', 'Nobody signed in in time.', { fix: 'Run: weir login' }));
  }, timeoutMs);
  try {
    const { port } = server.address() as AddressInfo;
    const flow = await beginCodeFlow(metadata, key, `http://127.0.0.1:${port}/callback`);
    note(cli, `Sign in with your browser: ${flow.url}`);
    openBrowser(cli, flow.url);
    return await flow.finish(await arrived.promise);
  } finally {
    clearTimeout(timer);
    server.close();
    server.closeAllConnections();
  }
}

/** Opens the user's browser; when that fails, he has the address on the screen. */
export function openBrowser(cli: Cli, url: string): void {
  if (cli.stderr.isTTY !== true) return;
  const openers: Partial<Record<NodeJS.Platform, string>> = { darwin: 'open', win32: 'explorer' };
  const program = cli.env['BROWSER'] || (openers[process.platform] ?? 'xdg-open');
  const child = spawn(program, [url], { stdio: 'ignore', detached: true });
  child.once('error', () => note(cli, 'No browser could be opened: open the address yourself.'));
  child.unref();
}
