import { WeirError } from '@weir/errors';
import type { CopyCodec } from './copy-row.ts';
import type { FieldDescription, RowMasks, RowMeter } from './engine-host.ts';
import type { EngineState } from './engine-state.ts';
import type { Entry } from './response-queue.ts';
import { cellsOf, maskedPrefix, writeMaskedRow } from './row-rewriter.ts';
import { WideRow } from './wide-row.ts';

/**
 * What happens to rows (or COPY data) now. `closed`: none may come. `relay` and `swallow` work on streams of any length; `mask`, `sample` and `own`
 * need whole rows; `wide` masks one large row in pieces; `codec` takes COPY data in pieces.
 */
export type RowMode = 'closed' | 'relay' | 'swallow' | 'mask' | 'wide' | 'sample' | 'own' | 'codec';

/** The result set that the server is sending. */
export class Result {
  mode: RowMode = 'closed';
  codec: CopyCodec | null = null;
  /** Rows that may still be delivered; infinite without a limit. */
  rowsLeft = Number.POSITIVE_INFINITY;
  /** Counts rows for the host; null without one. */
  meter: RowMeter | null = null;
  readonly #state: EngineState;
  #masks: RowMasks = [];
  #prefix = 0;
  #formats: readonly number[] = [];
  #samplesLeft = 0;

  constructor(state: EngineState) {
    this.#state = state;
  }

  /** A result set begins: the host says what is masked and how many rows it wants to see. @throws WeirError when the masks do not fit */
  begin(entry: Entry, fields: readonly FieldDescription[]): void {
    if (!entry.visible) {
      this.mode = 'swallow';
      return;
    }
    const { host } = this.#state;
    const masks = host.describe(entry.ticket, entry.index, fields);
    if (masks !== null && masks.length !== fields.length)
      throw new WeirError('internal', 'the masks do not fit the columns of the result');
    if (entry.maxRows !== null) this.rowsLeft = Math.max(0, entry.maxRows - (entry.portal?.rows ?? 0));
    this.meter = entry.meter;
    this.#samplesLeft = host.sampleRows(entry.ticket, entry.index);
    this.#prefix = masks === null ? 0 : maskedPrefix(masks);
    this.#masks = masks ?? [];
    if (this.#samplesLeft > 0) this.#formats = fields.map((field) => field.format);
    this.mode = this.#prefix > 0 ? 'mask' : this.#samplesLeft > 0 ? 'sample' : 'relay';
  }

  close(): void {
    this.mode = 'closed';
    this.codec = null;
    this.rowsLeft = Number.POSITIVE_INFINITY;
    this.meter = null;
    this.#state.slab.release();
  }

  /** A row of that many bytes comes next. @returns false = it goes beyond the limit or the meter */
  take(bytes: number): boolean {
    const { meter } = this;
    if (this.rowsLeft <= 0) return false;
    if (meter !== null) {
      if (meter.rowsLeft >= 1 && meter.bytesLeft >= bytes) meter.took(1, bytes);
      else if (!meter.overdraw(bytes)) return false;
    }
    this.rowsLeft--;
    return true;
  }

  /** The rest of this result goes nowhere. */
  withhold(): void {
    this.close();
    this.mode = 'swallow';
  }

  /** A DataRow with masked cells begins that is not put together; `bodyBytes` = its length. */
  beginWide(entry: Entry, bodyBytes: number, maxHeldBytes: number): WideRow {
    entry.rows++;
    return new WideRow(this.#state, entry, { masks: this.#masks, prefix: this.#prefix, bodyBytes, maxHeldBytes });
  }

  /** One whole DataRow: the message is `buffer[frameStart, end)`. @throws WeirError when it does not fit its description */
  row(entry: Entry, buffer: Buffer, frameStart: number, end: number): void {
    const state = this.#state;
    if (this.mode === 'own') {
      entry.own?.addRow(buffer, frameStart + 5, end);
      return;
    }
    if (this.mode === 'swallow') return;
    if (this.mode === 'mask') this.#maskedRow(entry, buffer, frameStart + 5, end);
    else {
      state.toClient.relay(buffer, frameStart, end);
      if (this.mode === 'sample') this.#sample(entry, cellsOf(buffer, frameStart + 5, end));
      entry.bytes += end - frameStart - 5;
    }
    entry.rows++;
  }

  #maskedRow(entry: Entry, buffer: Buffer, start: number, end: number): void {
    const { slab, toClient } = this.#state;
    writeMaskedRow(buffer, start, end, this.#masks, this.#prefix, slab);
    entry.bytes += slab.position - slab.start - 5;
    if (this.#samplesLeft > 0) this.#sample(entry, cellsOf(slab.buffer, slab.start + 5, slab.position));
    slab.publish(toClient);
  }

  #sample(entry: Entry, cells: readonly (Buffer | null)[]): void {
    this.#state.host.sample(entry.ticket, entry.index, cells, this.#formats);
    this.#samplesLeft--;
    if (this.#samplesLeft === 0 && this.mode === 'sample') this.mode = 'relay';
  }
}
