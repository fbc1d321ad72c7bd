import { FieldWriter, messageNumber } from '@weir/wire-ssh';

/** Answers to the global requests of a client, which come in the order of the requests (RFC 4254, section 4). */
export interface GlobalReplies {
  /** Weir answers this request itself. */
  own(isSuccess: boolean): void;
  /** The agent answers this one. */
  expect(): void;
  /** The agent's next answer. `port`: the one that the target chose. */
  answer(isSuccess: boolean, port: number | null): void;
}

/** Most requests that may wait for their answers. */
export const maxWaitingReplies = 128;

/** Keeps answers in order; `send` sends one. */
export function createGlobalReplies(send: (payload: Buffer) => void): GlobalReplies {
  /** Null = the agent has not answered yet. */
  const slots: (Buffer | null)[] = [];
  const flush = () => {
    for (let first = slots[0]; first !== undefined && first !== null; first = slots[0]) {
      slots.shift();
      send(first);
    }
  };
  return {
    own(isSuccess) {
      slots.push(reply(isSuccess, null));
      flush();
    },
    expect: () => void slots.push(null),
    answer(isSuccess, port) {
      const at = slots.indexOf(null);
      if (at < 0) return;
      slots[at] = reply(isSuccess, port);
      flush();
    },
  };
}

function reply(isSuccess: boolean, port: number | null): Buffer {
  const fields = new FieldWriter(16).byte(isSuccess ? messageNumber.requestSuccess : messageNumber.requestFailure);
  return (isSuccess && port !== null ? fields.uint32(port) : fields).take().subarray(4);
}
