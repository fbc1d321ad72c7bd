import { randomBytes } from 'node:crypto';
import { formatPrivateKey } from '@weir/ssh-certificate';
import type { SshHostKey } from '../dataplane/ports.ts';
import type { SshAuthorities } from './ssh-authorities.ts';
import type { SshSigningKey } from './ssh-vault.ts';

/** What the listener shows of itself: its keys, each with a certificate of the CA for hosts. */
export interface HostIdentity {
  /** Certificates are renewed long before they end, and when another CA signs. */
  hostKeys(): readonly SshHostKey[];
}

const lifeSeconds = 30n * 86_400n;
const skewSeconds = 900n;
/** They are renewed when this much of their life is left. */
const renewSeconds = 20n * 86_400n;

/** Makes it. `names`: under which clients reach the listener. */
export function createHostIdentity(parts: {
  readonly authorities: SshAuthorities;
  readonly names: () => readonly string[];
  readonly now: () => number;
}): HostIdentity {
  const { authorities, names, now } = parts;
  let made: { readonly keys: readonly SshHostKey[]; readonly signer: string; readonly renewAt: bigint } | undefined;
  return {
    hostKeys: () => {
      const at = BigInt(Math.floor(now() / 1000));
      const principals = [...new Set(['localhost', '127.0.0.1', '::1', ...names()])];
      const signer = JSON.stringify([
        authorities.trusted('hosts').map(({ blob }) => blob.toString('base64')),
        principals,
      ]);
      if (made !== undefined && made.signer === signer && at < made.renewAt) return made.keys;
      const keys = authorities.hostKeys().map((key) => ({
        privateKey: textOf(key),
        certificate: authorities.issue('hosts', {
          ...{ kind: 'host', key: key.publicKey, keyId: 'weir gateway', principals },
          serial: randomBytes(8).readBigUInt64BE(),
          ...{ validAfter: at - skewSeconds, validBefore: at + lifeSeconds },
          ...{ criticalOptions: new Map(), extensions: [] },
        }).blob,
      }));
      made = { keys, signer, renewAt: at + lifeSeconds - renewSeconds };
      return keys;
    },
  };
}

/** As OpenSSH writes it: what reads host keys knows no PKCS#8. */
function textOf({ publicKey, privateKey }: SshSigningKey): string {
  if (publicKey.type === 'ssh-ed25519') return formatPrivateKey(privateKey);
  return privateKey.export({ type: 'sec1', format: 'pem' }).toString();
}
