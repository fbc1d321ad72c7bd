import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import { z } from 'zod';

const clientFileSchema = z.object({ api: z.string(), front: z.string(), ca: z.string() });
/** Where the gateway of a checkout is: base URL, host:port of the front door, PEM of the CA. */
export type CheckoutGateway = z.output<typeof clientFileSchema>;

/** Reads `.weir/client.json` of a checkout; undefined when there is none. @throws WeirError invalid_request when it is damaged. */
export function readCheckout(folder: string | undefined): CheckoutGateway | undefined {
  if (folder === undefined || folder === '') return undefined;
  const path = join(folder, '.weir', 'client.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((cause as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw cause;
  }
  try {
    return clientFileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new WeirError('invalid_request', `The file ${path} is damaged.`, {
      fix: 'Start the demo again: npm start',
      cause,
    });
  }
}
