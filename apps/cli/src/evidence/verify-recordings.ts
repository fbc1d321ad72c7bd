import type { ApiClient } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import { type AnchorCheck, type RecordingAnchor, verifyAgainstAnchors } from '@weir/recording';

/** Verifies recordings of a gateway, or only those of some sessions. @throws WeirError not_found for a session without recording. */
export async function* verifyOnline(api: ApiClient, sessions: readonly string[]): AsyncGenerator<AnchorCheck> {
  // Sessions first: what was sealed before the anchors are read must be among them.
  const sealed = sessions.length > 0 ? [] : await sealedSessions(api);
  const all = await api.listAnchors();
  const anchors = chosen(all, sessions);
  const sessionOf = new Map(anchors.map(({ file, session }) => [file, session]));
  const open = async (file: string): Promise<Uint8Array | null> => {
    try {
      return await api.readRecording(sessionOf.get(file) ?? '');
    } catch (error) {
      if (isWeirError(error) && (error.code === 'evidence_broken' || error.code === 'not_found')) return null;
      throw error;
    }
  };
  yield* verifyAgainstAnchors({ anchors, files: [], open });
  const anchored = new Set(all.map(({ session }) => session));
  for (const session of sealed) {
    if (anchored.has(session)) continue;
    const why = 'the gateway says that its recording was sealed, but the store has no anchor for it';
    yield { session, file: '', status: 'missing', why, verification: null };
  }
}

async function sealedSessions(api: ApiClient): Promise<string[]> {
  const ended = await api.listSessions({ state: 'ended' });
  return ended.filter(({ recording }) => recording === 'sealed').map(({ id }) => id);
}

/** The anchors of the named sessions; all when none is named. @throws WeirError not_found. */
export function chosen(anchors: readonly RecordingAnchor[], sessions: readonly string[]): readonly RecordingAnchor[] {
  if (sessions.length === 0) return anchors;
  return sessions.map((session) => {
    const anchor = anchors.find((candidate) => candidate.session === session);
    if (anchor !== undefined) return anchor;
    throw new WeirError('not_found', `There is no recording of the session ${session}.`, { fix: 'weir sessions ls' });
  });
}

/** Did the check find the evidence whole? */
export function isWhole({ status }: AnchorCheck): boolean {
  return status === 'sealed' || status === 'open';
}
