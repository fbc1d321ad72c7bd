import { beginDeviceFlow, type DpopKey, type ServerMetadata, type Tokens } from '@weir/api';
import type { Cli } from '../cli.ts';
import { note } from '../terminal/output.ts';

/** Signs in by a browser on another device: the person types a code there (RFC 8628). */
export async function signInByDevice(cli: Cli, metadata: ServerMetadata, key: DpopKey): Promise<Tokens> {
  const flow = await beginDeviceFlow(metadata, key);
  note(cli, `Open ${flow.address} on any device and type this code: ${flow.userCode}`);
  note(cli, 'Waiting for you to confirm it there.');
  return flow.finish();
}
