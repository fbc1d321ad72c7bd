import { frameKind, type LaneChannel } from '@weir/tunnel';

/** What a channel's outflow needs of the connection to its target: a socket, or a channel of one. */
export interface OutflowTarget {
  /** @returns false when it is full: 'drain' follows */
  write(bytes: Buffer): boolean;
  pause(): unknown;
  resume(): unknown;
  on(event: 'drain', listener: () => void): unknown;
}

/** Both directions of a channel with their backpressure: what is not taken on one side is not asked for on the other. */
export interface Outflow {
  toClient(bytes: Buffer): void;
  toServer(bytes: Buffer): void;
  /** Sends one event up. `isEvidence`: everything that the client gets from now on depends on it. */
  record(eventJson: Buffer, isEvidence: boolean): void;
  /** Bytes from the lane have been handled; their credit goes back when the server takes more and nothing is parked. */
  consumed(bytes: number): void;
  /** Nothing is parked any more, perhaps; needed where parking ends without bytes to either side. */
  unparked(): void;
  /** The channel is over: what is still answered or recorded goes nowhere. */
  close(): void;
  /** Nothing is read from the server while `isHeld`. */
  holdServer(isHeld: boolean): void;
  /** The lane takes bytes again. */
  laneWritable(): void;
}

/** Creates the flow of one channel. `isParked`: a judgement is open, so the client must not send more. */
export function createOutflow(lane: LaneChannel, upstream: OutflowTarget, isParked: () => boolean): Outflow {
  let lastRecord = 0;
  let lastEvidence = 0;
  let owedCredit = 0;
  let isServerFull = false;
  /** The gateway takes nothing now. Refusals and notices answer the client without its server: their source is the client itself. */
  let isLaneFull = false;
  let isChecking = false;
  let isClosed = false;
  let isServerHeld = false;

  const giveCredit = () => {
    if (owedCredit === 0 || isServerFull || isLaneFull || isClosed) return;
    if (isParked()) return watchParking();
    lane.consumed(owedCredit);
    owedCredit = 0;
  };
  /** Parking ends with bytes to one of the sides: both paths come through here again. */
  const watchParking = () => {
    isChecking = true;
  };
  const unpark = () => {
    if (!isChecking || isParked()) return;
    isChecking = false;
    giveCredit();
  };
  upstream.on('drain', () => {
    isServerFull = false;
    giveCredit();
  });

  return {
    toClient(bytes) {
      if (isClosed) return;
      if (!lane.write(bytes, lastEvidence)) {
        isLaneFull = true;
        upstream.pause();
      }
      if (isChecking) setImmediate(unpark);
    },
    toServer(bytes) {
      if (isClosed) return;
      if (!upstream.write(bytes)) isServerFull = true;
      if (isChecking) setImmediate(unpark);
    },
    record(eventJson, isEvidence) {
      if (isClosed) return;
      lastRecord += 1;
      if (isEvidence) lastEvidence = lastRecord;
      lane.send(frameKind.record, eventJson, lastRecord);
    },
    consumed(bytes) {
      owedCredit += bytes;
      giveCredit();
    },
    unparked: unpark,
    close() {
      isClosed = true;
    },
    holdServer(isHeld) {
      isServerHeld = isHeld;
      if (isHeld) upstream.pause();
      else if (!isLaneFull) upstream.resume();
    },
    laneWritable() {
      isLaneFull = false;
      if (!isServerHeld) upstream.resume();
      giveCredit();
    },
  };
}
