import { isUtf8 } from 'node:buffer';
import { WeirError } from '@weir/errors';
import { MessageReader } from './message-reader.ts';

/** @returns a WeirError protocol_violation */
export function violation(message: string): WeirError {
  return new WeirError('protocol_violation', message);
}

function statementText(bytes: Buffer): string {
  // The server would reject such text; we could only judge something else than what it reads.
  if (!isUtf8(bytes)) throw violation('the statement text is not valid UTF-8');
  return bytes.toString('utf8');
}

/** Text of a Query body. @throws WeirError when a NUL is inside or the text is not UTF-8 */
export function parseQuery(buffer: Buffer, start: number, end: number): string {
  if (end <= start || buffer[end - 1] !== 0) throw violation('a Query message has no end of text');
  if (buffer.indexOf(0, start) !== end - 1) throw violation('a Query message has a NUL inside its text');
  return statementText(buffer.subarray(start, end - 1));
}

/** A Parse body. Names are latin1, a bijection of their bytes. */
export interface ParseMessage {
  readonly name: string;
  readonly nameBytes: Buffer;
  readonly text: string;
  readonly parameterTypes: readonly number[];
}

/** @throws WeirError protocol_violation */
export function parseParse(buffer: Buffer, start: number, end: number): ParseMessage {
  const reader = new MessageReader(buffer, start, end);
  const nameBytes = reader.cstringBytes();
  const text = statementText(reader.cstringBytes());
  const parameterTypes: number[] = [];
  for (let left = reader.count(); left > 0; left--) parameterTypes.push(reader.int32() >>> 0);
  reader.finish();
  return { name: nameBytes.toString('latin1'), nameBytes, text, parameterTypes };
}

/** What a Bind says before its values. */
export interface BindHead {
  readonly portal: string;
  readonly statement: string;
  readonly parameterFormats: readonly number[];
  readonly parameterCount: number;
}

/** A Bind body; parameters are slices of the message. */
export interface BindMessage extends BindHead {
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

const noNumbers: readonly number[] = [];
const noParameters: readonly (Buffer | null)[] = [];

/** Reads a list of format codes. @throws WeirError protocol_violation */
export function readFormats(reader: MessageReader): readonly number[] {
  const count = reader.count();
  if (count === 0) return noNumbers;
  const formats: number[] = [];
  for (let left = count; left > 0; left--) {
    const format = reader.int16();
    if (format !== 0 && format !== 1) throw violation(`a Bind message asks for the unknown format ${format}`);
    formats.push(format);
  }
  return formats;
}

/** Reads a Bind up to its first value. @throws WeirError protocol_violation */
export function readBindHead(reader: MessageReader): BindHead {
  const portal = reader.cstring('latin1');
  const statement = reader.cstring('latin1');
  const parameterFormats = readFormats(reader);
  const parameterCount = reader.count();
  if (parameterFormats.length > 1 && parameterFormats.length !== parameterCount)
    throw violation('a Bind message has more formats than parameters');
  return { portal, statement, parameterFormats, parameterCount };
}

/** @throws WeirError protocol_violation */
export function parseBind(buffer: Buffer, start: number, end: number): BindMessage {
  const reader = new MessageReader(buffer, start, end);
  const head = readBindHead(reader);
  let parameters = noParameters;
  if (head.parameterCount > 0) {
    const values: (Buffer | null)[] = [];
    for (let left = head.parameterCount; left > 0; left--) {
      const length = reader.int32();
      if (length < -1) throw violation('a Bind message has a parameter of negative length');
      values.push(length === -1 ? null : reader.slice(length));
    }
    parameters = values;
  }
  const resultFormats = readFormats(reader);
  reader.finish();
  return { ...head, parameters, resultFormats };
}

/** The body of Describe or Close: target and name. @throws WeirError protocol_violation */
export function parseTarget(buffer: Buffer, start: number, end: number): { target: 'S' | 'P'; name: string } {
  const reader = new MessageReader(buffer, start, end);
  const letter = String.fromCharCode(reader.byte());
  if (letter !== 'S' && letter !== 'P')
    throw violation('a Describe or Close message names neither a statement nor a portal');
  const name = reader.cstring('latin1');
  reader.finish();
  return { target: letter, name };
}

/** The portal's name in an Execute body. @throws WeirError protocol_violation */
export function parseExecute(buffer: Buffer, start: number, end: number): string {
  const reader = new MessageReader(buffer, start, end);
  const name = reader.cstring('latin1');
  reader.int32();
  reader.finish();
  return name;
}
