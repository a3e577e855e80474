/**
 * Text of the bytes that people bring: UTF-8 with and without a byte-order mark, UTF-16 in both byte orders (PowerShell 5.1 writes it with
 * ">"), and XML in the encoding that it declares. What is no text is refused with its place.
 */
import { TrackerError, type ErrorCode } from '../errors.js';

/** Files that are taken for texts by mistake, by their first bytes. */
const NO_TEXTS: readonly { readonly what: string; readonly bytes: readonly number[]; readonly hint: string }[] = [
  { what: 'a ZIP archive', bytes: [0x50, 0x4b, 3, 4], hint: 'unpack it, and give the file inside' },
  { what: 'a gzip archive', bytes: [0x1f, 0x8b], hint: 'unpack it with gunzip' },
  { what: 'text in UTF-32', bytes: [0xff, 0xfe, 0, 0], hint: 'save it as UTF-8' },
  { what: 'text in UTF-32', bytes: [0, 0, 0xfe, 0xff], hint: 'save it as UTF-8' },
];

/**
 * Text without its byte-order mark.
 * @param where name of the bytes in messages
 * @throws TrackerError with the code, naming the line of the first byte that is no text
 */
export function decodeText(bytes: Uint8Array, where: string, code: ErrorCode = 'DATA_INVALID'): string {
  const other = NO_TEXTS.find((kind) => kind.bytes.every((byte, i) => bytes[i] === byte));
  if (other) throw new TrackerError(code, `${where}: found ${other.what}, expected text`, { hint: other.hint });
  const wide = wideEncodingOf(bytes);
  const text = decode(bytes, wide ?? 'utf-8') ?? decodeDeclared(bytes);
  if (text === undefined) throw noText(bytes, where, wide, code);
  const zero = text.indexOf('\0');
  if (zero < 0) return text;
  throw new TrackerError(code, `${where}, line ${lineAt(text, zero)}: found a zero byte, expected text`, {
    hint: 'the file is damaged, or no text: write it again',
  });
}

/** UTF-16 by its mark; without one by the zero bytes that it has in every second place. */
function wideEncodingOf(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const [first, second, third, fourth] = bytes;
  if (bytes.length < 4 || bytes.length % 2 === 1) return undefined;
  if (first !== 0 && second === 0 && third !== 0 && fourth === 0) return 'utf-16le';
  return first === 0 && second !== 0 && third === 0 && fourth !== 0 ? 'utf-16be' : undefined;
}

/** Undefined where the bytes are not in that encoding, or nobody knows it. */
function decode(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** XML that is not in UTF-8 says in which encoding it is. */
function decodeDeclared(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 200));
  const declared = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1];
  return declared === undefined ? undefined : decode(bytes, declared);
}

function noText(bytes: Uint8Array, where: string, wide: string | undefined, code: ErrorCode): TrackerError {
  if (wide !== undefined)
    return new TrackerError(code, `${where}: found broken ${wide.toUpperCase()}`, { hint: 'save it as UTF-8' });
  return new TrackerError(code, `${where}, line ${brokenLine(bytes)}: found bytes that are no UTF-8`, {
    hint: 'save the file as UTF-8, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW',
  });
}

const LINE_FEED = 10;

/** Number, from 1, of the first line that is no UTF-8. */
function brokenLine(bytes: Uint8Array): number {
  let number = 1;
  for (let from = 0; ; number++) {
    const end = bytes.indexOf(LINE_FEED, from);
    const line = bytes.subarray(from, end < 0 ? undefined : end);
    if (end < 0 || decode(line, 'utf-8') === undefined) return number;
    from = end + 1;
  }
}

/** Number, from 1, of the line of a position. */
function lineAt(text: string, position: number): number {
  return splitLines(text.slice(0, position)).length;
}

/** Lines that end as on Linux, Windows or old Macs. */
export function splitLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/);
}
