/** Text files as people bring them. Every reader of text files goes through here; text.ts decodes their bytes. */
import { open, type FileHandle } from 'node:fs/promises';
import { messageOf, TrackerError, type ErrorCode } from '../errors.js';
import { decodeText } from './text.js';

export { splitLines } from './text.js';

/** Larger files are refused: texts and what is made of them would not fit into memory. */
export const MAX_TEXT_BYTES = 128 * 2 ** 20;

const CHUNK_BYTES = 2 ** 20;

/** How a reader speaks of its file. */
export interface TextFileKind {
  /** Begins messages, for example "boxes". */
  readonly what: string;
  /** Code where the file is no text; DATA_INVALID where left out. */
  readonly code?: ErrorCode;
  /** Hint where the file cannot be opened. */
  readonly hint?: string;
}

/** @throws TrackerError INPUT_NOT_FOUND where it cannot be read; DATA_INVALID, or the code of its kind, where it is no text or too large */
export async function readTextFile(
  file: string,
  { what, code = 'DATA_INVALID', hint = 'check the path' }: TextFileKind,
): Promise<string> {
  const where = `${what} ${file}`;
  const bytes = await readBytes(file).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `${where}: ${messageOf(cause)}`, { hint, cause });
  });
  if (bytes) return decodeText(bytes, where, code);
  throw new TrackerError(code, `${where}: more than ${MAX_TEXT_BYTES / 2 ** 20} MB, expected no larger text file`, {
    hint: 'check that it is the right file; else split it, for example one file a video or a part',
  });
}

/** Undefined where there are too many bytes. Pipes and devices do not tell their size, so that they are counted. */
async function readBytes(file: string): Promise<Uint8Array | undefined> {
  const handle = await open(file, 'r');
  try {
    const found = await handle.stat();
    if (found.isDirectory()) throw new Error('it is a folder, expected a file');
    if (found.size > MAX_TEXT_BYTES) return undefined;
    return await readUpTo(handle, MAX_TEXT_BYTES);
  } finally {
    await handle.close();
  }
}

async function readUpTo(handle: FileHandle, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  for (let total = 0; total <= limit;) {
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.alloc(CHUNK_BYTES) });
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  return undefined;
}
