import { createHash } from 'node:crypto';
import type { SshStatement } from '@weir/policy';

/** Everything that an approval of SSH is bound to. */
export interface SshBindingInput {
  readonly statement: SshStatement;
  readonly secret: string | null;
  readonly connection: string;
  readonly principal: string;
}

/** SHA-256 (hex) over the canonical form of the input. */
export function bindSshApproval({ statement, secret, connection, principal }: SshBindingInput): string {
  const { text, login, terminal, facts } = statement;
  const canonical = ['ssh', text, login, terminal, facts.kinds, facts.files, secret, connection, principal];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}
