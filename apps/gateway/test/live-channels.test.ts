import { WeirError } from '@weir/errors';
import { describe, expect, test } from 'vitest';
import { createLiveChannels } from '../src/dataplane/live-channels.ts';
import type { Relay } from '../src/dataplane/relay.ts';

function createFakeRelay() {
  const heard: string[] = [];
  const relay = {
    pause: (notice: string) => void heard.push(`pause: ${notice}`),
    resume: (notice: string) => void heard.push(`resume: ${notice}`),
    cut: (error: WeirError) => void heard.push(`cut: ${error.message}`),
  } as unknown as Relay;
  return { relay, heard };
}

describe('a paused session', () => {
  test('holds its channels and those that open later, and lets all go on', () => {
    const live = createLiveChannels();
    const [first, later, other] = [createFakeRelay(), createFakeRelay(), createFakeRelay()];
    live.add('ses_1', first.relay);
    live.add('ses_2', other.relay);
    live.pause('ses_1', 'nobody watches');
    live.pause('ses_1', 'nobody watches');
    live.add('ses_1', later.relay);
    live.resume('ses_1', 'somebody watches');
    live.resume('ses_1', 'somebody watches');
    expect(first.heard).toEqual(['pause: nobody watches', 'resume: somebody watches']);
    expect(later.heard).toEqual(['pause: nobody watches', 'resume: somebody watches']);
    expect(other.heard).toEqual([]);
  });

  test('can be ended, and is forgotten with its end', () => {
    const live = createLiveChannels();
    const [first, next] = [createFakeRelay(), createFakeRelay()];
    live.add('ses_1', first.relay);
    live.pause('ses_1', 'nobody watches');
    live.cut('ses_1', new WeirError('session_ended', 'over'));
    live.forget('ses_1');
    live.add('ses_1', next.relay);
    expect(first.heard).toEqual(['pause: nobody watches', 'cut: over']);
    expect(next.heard).toEqual([]);
  });
});
