import type { ApiClient, ApprovalRequest } from '@weir/api';
import { isWeirError, type WeirError } from '@weir/errors';

/** What happens to a session while it is watched. */
export interface SessionNews {
  /** A statement of this session has begun to wait for approval. */
  onWaiting(request: ApprovalRequest): void;
  /** It waits no longer. */
  onSettled(request: ApprovalRequest): void;
  /** The gateway does not answer; asked again. `onBack` follows when it does. */
  onAway(error: WeirError): void;
  onBack(): void;
  /** The gateway has ended the session. The watch is over. */
  onEnded(reason: string): void;
  /** The token is not accepted any more. The watch is over. */
  onSignedOut(error: WeirError): void;
}

/** Asks the gateway about a session each `intervalMs`, one question after the other. @returns a function that stops it. */
export function watchSession(api: ApiClient, session: string, news: SessionNews, intervalMs = 1000): () => void {
  let isStopped = false;
  let isAway = false;
  let waiting = new Map<string, ApprovalRequest>();
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const shown = await api.showSession(session);
    if (isStopped) return;
    if (shown.state === 'ended') {
      isStopped = true;
      return news.onEnded(shown.endReason ?? 'the session is over');
    }
    const pending = (await api.listRequests({ state: 'pending' })).filter((request) => request.session === session);
    if (isStopped) return;
    const now = new Map(pending.map((request) => [request.id, request]));
    for (const request of pending) if (!waiting.has(request.id)) news.onWaiting(request);
    for (const request of waiting.values()) if (!now.has(request.id)) news.onSettled(request);
    waiting = now;
    if (isAway) news.onBack();
    isAway = false;
  };
  const failed = (error: unknown): void => {
    if (isStopped) return;
    if (!isWeirError(error)) throw error;
    if (error.code === 'sign_in_required') {
      isStopped = true;
      news.onSignedOut(error);
    } else if (error.code === 'not_found') {
      isStopped = true;
      news.onEnded('the gateway does not know it any more');
    } else {
      if (!isAway) news.onAway(error);
      isAway = true;
    }
  };
  const next = (): void => {
    if (isStopped) return;
    timer = setTimeout(() => void look().catch(failed).then(next), intervalMs);
  };
  next();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
