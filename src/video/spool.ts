/** Streams that have an end, kept in a temporary file: a file can be looked at first, and its parts may stand in any order. */
import { constants, createReadStream, fstatSync, open as openDescriptor, rmSync } from 'node:fs';
import { mkdtemp, open, statfs } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { addAbortSignal, Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { promisify } from 'node:util';
import { messageOf, TrackerError } from '../errors.js';
import { download, interrupted, reasonOf } from './address.js';
import { nameOf, type Source } from './source.js';

export interface Spooled {
  /** The temporary file. */
  readonly file: string;
  /** The failure on the way; the file holds what came till then. */
  readonly problem: string | undefined;
  /** Removes the file; done at the end of the process at the latest. */
  remove(): void;
}

export interface SpoolOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told before the first byte is read: it may take a while. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** More is not taken. Left out: MAX_BYTES, and most of the room that the disk has. */
  readonly maxBytes?: number;
}

const MAX_BYTES = 64 * 2 ** 30;
/** Share of the free room that may be filled. */
const FREE_SHARE = 0.9;

/**
 * Reads a stream to its end.
 * @throws TrackerError VIDEO_UNREADABLE where nothing comes, or no end; OUTPUT_FAILED where the disk fails; INTERRUPTED
 */
export async function spool(
  given: string,
  { from }: Extract<Source, { kind: 'stream' }>,
  options: SpoolOptions = {},
): Promise<Spooled> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-stream-'));
  const remove = (): void => {
    process.removeListener('exit', remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  // the name may tell the format; it must not be taken for a pattern
  const file = path.join(
    folder,
    nameOf(given)
      .replaceAll(/[^\w.-]/g, '_')
      .slice(-80),
  );
  try {
    options.onNote?.(noteOf(given, from));
    return { file, problem: await copy(given, from, file, options), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

type Origin = Extract<Source, { kind: 'stream' }>['from'];

function noteOf(given: string, from: Origin): string {
  return 'address' in from
    ? `${given}: the server gives no parts of it: the whole is fetched first`
    : `${given}: it is read to its end first; what is live, and has none, is read with -`;
}

/** @returns what went wrong after the first byte; what came before it is in the file */
async function copy(given: string, from: Origin, file: string, options: SpoolOptions): Promise<string | undefined> {
  const { signal } = options;
  const limit = options.maxBytes ?? Math.min(MAX_BYTES, FREE_SHARE * (await freeBytes(path.dirname(file))));
  // before the stream, which must not wait for it: what lies unread in one that breaks is lost
  const target = await open(file, 'w');
  let stream: Readable | undefined;
  let length: number | undefined;
  let bytes = 0;
  try {
    ({ stream, length } = await openOrigin(given, from, signal));
    if (length !== undefined && length > limit) throw tooLong(given, limit);
    if (signal) addAbortSignal(signal, stream);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limit) throw tooLong(given, limit);
      await target.appendFile(chunk).catch((cause: unknown) => {
        throw cannotKeep(given, cause);
      });
    }
  } catch (error) {
    if (error instanceof TrackerError) throw error;
    if (signal?.aborted) throw interrupted(given);
    if (bytes === 0) throw nothingCame(given, reasonOf(error));
    return brokeOff(bytes, length, reasonOf(error));
  } finally {
    stream?.destroy();
    await target.close();
  }
  if (bytes === 0) throw nothingCame(given, 'it is empty');
  return length !== undefined && bytes < length ? brokeOff(bytes, length, 'it ended early') : undefined;
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function openOrigin(
  given: string,
  from: Origin,
  signal: AbortSignal | undefined,
): Promise<{ stream: Readable; length?: number | undefined }> {
  if ('address' in from) {
    const { body, headers } = await download(from.address, signal);
    if (!body) throw nothingCame(given, 'it is empty');
    const length = headers.get('content-length');
    return {
      stream: Readable.fromWeb(body as ReadableStream),
      length: length === null ? undefined : Number(length),
    };
  }
  if ('descriptor' in from) return { stream: ofDescriptor(from.descriptor) };
  return { stream: await ofPipe(from.pipe) };
}

/** Standard input belongs to Node, which knows how to read each kind of it. */
function ofDescriptor(fd: number): Readable {
  if (fd === 0) return process.stdin;
  return fstatSync(fd).isFile()
    ? createReadStream('', { fd, start: 0 })
    : new Socket({ fd, readable: true, writable: false });
}

/**
 * Waits for a writer without holding a thread, so that Ctrl-C ends it. Elsewhere than on Linux a pipe that is opened so seems to be at
 * its end while nobody writes: there a thread waits.
 */
async function ofPipe(name: string): Promise<Readable> {
  if (process.platform !== 'linux') return createReadStream(name);
  const fd = await promisify(openDescriptor)(name, constants.O_RDONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: true, writable: false });
}

function brokeOff(bytes: number, length: number | undefined, why: string): string {
  const of = length === undefined ? '' : ` of ${length}`;
  return `it broke off after ${bytes}${of} bytes: ${why}`;
}

function nothingCame(given: string, why: string): TrackerError {
  return new TrackerError('VIDEO_UNREADABLE', `video ${given}: nothing came: ${why}`, {
    hint: 'does what should write into it run, and say something itself?',
  });
}

function tooLong(given: string, limit: number): TrackerError {
  const found = `more than ${(limit / 2 ** 30).toPrecision(3)} GiB came without an end`;
  return new TrackerError('VIDEO_UNREADABLE', `video ${given}: ${found}, which is what ${tmpdir()} takes`, {
    hint: 'a live source is read with -: COMMAND | ebm-tracker track -; else save it to a file, or let TMPDIR name a larger disk',
  });
}

function cannotKeep(given: string, cause: unknown): TrackerError {
  return new TrackerError('OUTPUT_FAILED', `video ${given}: it cannot be kept in ${tmpdir()}: ${messageOf(cause)}`, {
    hint: 'make room there, or let TMPDIR name another folder',
    cause,
  });
}
