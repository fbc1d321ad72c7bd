import type { BrowserSessionRepository } from '../../store/browser-sessions.ts';
import type { SshKeyRepository } from '../../store/ssh-keys.ts';

const ofKey = 'ssh-key:';
const ofBrowser = 'ssh-browser:';

/** `tokenId` of somebody who signed in by a registered key: what it opens ends with the key. */
export function keySignIn(keyId: string): string {
  return `${ofKey}${keyId}`;
}

/** `tokenId` of somebody who confirmed in a browser; `hash` names the sign-in of the browser, hexadecimal. */
export function browserSignIn(hash: string): string {
  return `${ofBrowser}${hash}`;
}

/** Has such a sign-in ended? Undefined for sign-ins of another kind. It is asked after a session was opened, for what ended meanwhile. */
export async function isSshSignInEnded(
  tokenId: string,
  parts: {
    readonly keys: Pick<SshKeyRepository, 'findById'>;
    readonly browserSessions: Pick<BrowserSessionRepository, 'isLive'>;
    readonly now: () => number;
  },
): Promise<boolean | undefined> {
  if (tokenId.startsWith(ofKey)) return (await parts.keys.findById(tokenId.slice(ofKey.length))) === undefined;
  if (!tokenId.startsWith(ofBrowser)) return undefined;
  const hash = Buffer.from(tokenId.slice(ofBrowser.length), 'hex');
  return !(await parts.browserSessions.isLive(hash, new Date(parts.now())));
}
