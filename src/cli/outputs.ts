/** Outputs of tracking: rows go to a file or stdout, pictures to a video. */
import path from 'node:path';
import { TrackerError } from '../errors.js';
import { openGrowing, partialNames } from '../files/growing.js';
import { keepInputs, type Input, type Output } from '../files/keep-inputs.js';
import { findPlace, isSameFile, statOf, statOfDescriptor } from '../files/place.js';
import { checkWritable, isReaderGone, outputFailed } from '../files/write.js';
import { drawResults } from '../image/draw.js';
import { createTrackWriter, formatOfName, type FormatName, type Media, type TrackWriter } from '../io/tracks.js';
import type { TrackResult } from '../result.js';
import type { TrackedObjects } from '../tracker/track-video.js';
import type { VideoSource } from '../video/read.js';
import { nameOf } from '../video/source.js';
import { openVideoWriter } from '../video/write.js';

export interface OutputPaths {
  /** Left out: to stdout. */
  readonly rows?: string | undefined;
  /** Left out: by the name of the file; CSV to stdout. */
  readonly format?: FormatName | undefined;
  /** Rows go nowhere: only the video is wanted. */
  readonly noRows?: boolean;
  /** .mp4 with the boxes drawn in; left out: none. */
  readonly video?: string | undefined;
}

export interface Outputs {
  /** The file that rows are written to until the run ends, if an older one stays in its place till then. */
  readonly waiting?: string | undefined;
  /**
   * Writes one frame's result everywhere. A row is on its way to the disk when this resolves: a killed run keeps it.
   * @returns false where nobody wants more: the reader of stdout has gone, and there is no other output
   */
  write(tracked: TrackedObjects): Promise<boolean>;
  /** Ends the files so that they are whole; they take the place of older ones. */
  close(): Promise<void>;
  /** The run has failed: ends the files, and leaves older ones where they are. Never throws. */
  keep(): Promise<Kept[]>;
}

/** An older file that stayed where it was, and where the results of the run are instead. */
export interface Kept {
  readonly older: string;
  readonly kept: string;
}

interface Sink {
  readonly waiting?: string | undefined;
  write(tracked: TrackedObjects): Promise<boolean>;
  close(): Promise<void>;
  keep(): Promise<Kept | undefined>;
}

/**
 * Checks the paths before anything is opened.
 * @param inputs all that the command reads
 * @param more what it writes beside these
 * @throws TrackerError OPTION_INVALID (an ending, an output that is an input or another output), OUTPUT_FAILED (no such folder, not writable)
 */
export async function checkOutputs(
  { rows, format, noRows, video }: OutputPaths,
  inputs: readonly Input[],
  stdout: NodeJS.WritableStream,
  more: readonly Output[] = [],
): Promise<void> {
  if (rows !== undefined && format === undefined) formatOfName(rows);
  if (video !== undefined && path.extname(video).toLowerCase() !== '.mp4') {
    throw new TrackerError('OPTION_INVALID', `--video ${video}: expected a file ending in .mp4`, {
      hint: `--video ${path.parse(video).name || 'out'}.mp4`,
    });
  }
  const files = [rows, video].filter((file) => file !== undefined);
  const outputs: Output[] = [...files.map((file) => ({ what: 'output', path: file })), ...more];
  if (rows === undefined && !noRows) outputs.push(...standardOutput(stdout));
  await keepInputs(outputs, inputs);
  for (const file of files) await checkWritable(file);
}

/** Standard output as a file that is written, if it is redirected to one. */
function standardOutput(stdout: NodeJS.WritableStream): Output[] {
  return 'fd' in stdout && typeof stdout.fd === 'number' ? [{ what: 'standard output', path: stdout.fd }] : [];
}

/** Names of the objects, in the order of the boxes given. Of one object nothing is named. */
export type ObjectIds = readonly number[];

/** @throws TrackerError OUTPUT_FAILED, VIDEO_WRITE_FAILED */
export async function openOutputs(
  { rows, format, noRows, video }: OutputPaths,
  ids: ObjectIds,
  source: Pick<VideoSource, 'path' | 'width' | 'height' | 'fps' | 'pixelAspect'>,
  stdout: NodeJS.WritableStream,
): Promise<Outputs> {
  const { width, height, fps } = source;
  const media: Media = { name: nameOf(source.path), width, height, fps, ids: ids.length > 1 };
  const writer = createTrackWriter(format ?? (rows === undefined ? 'csv' : formatOfName(rows)), media);
  const textOf = (tracked: TrackedObjects): string => rowsText(tracked, ids, writer);
  const sinks: Sink[] = [];
  const keep = async (): Promise<Kept[]> => {
    const kept = await Promise.all(sinks.map((sink) => sink.keep().catch(() => undefined)));
    return kept.filter((one) => one !== undefined);
  };
  try {
    if (!noRows) sinks.push(await openRows(rows, writer, textOf, stdout));
    if (video !== undefined) sinks.push(await videoSink(video, ids, source));
  } catch (error) {
    await keep();
    throw error;
  }
  const waiting = sinks.find((sink) => sink.waiting !== undefined)?.waiting;
  return {
    waiting,
    async write(tracked) {
      let wanted = false;
      for (const sink of sinks) wanted = (await sink.write(tracked)) || wanted;
      return wanted;
    },
    async close() {
      // every one is closed, even where one before it failed
      const ends = await Promise.allSettled(sinks.map((sink) => sink.close()));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
    keep,
  };
}

/** A frame's results, each with its id where there are several. */
function resultsOf({ objects }: TrackedObjects, ids: ObjectIds): (TrackResult & { readonly id?: number })[] {
  return objects.map((result, i) => (ids.length > 1 ? { ...result, id: ids[i]! } : result));
}

/** Text of one frame's rows, to be appended. */
function rowsText({ frame, time, objects }: TrackedObjects, ids: ObjectIds, writer: TrackWriter): string {
  return objects.map((result, i) => writer.row({ ...result, frame, time, id: ids[i]! })).join('');
}

type TextOf = (tracked: TrackedObjects) => string;

async function openRows(
  rows: string | undefined,
  writer: TrackWriter,
  textOf: TextOf,
  stdout: NodeJS.WritableStream,
): Promise<Sink> {
  return rows === undefined || (await isStandardOutput(rows))
    ? streamSink(stdout, writer, textOf)
    : fileSink(rows, writer, textOf);
}

/** /dev/stdout and the like: opened by name it would be emptied where it is a file, and cannot be opened where it is a socket. */
export async function isStandardOutput(file: string): Promise<boolean> {
  const { kind, found } = await findPlace(file);
  return kind === 'stream' && isSameFile(found, statOfDescriptor(1));
}

async function fileSink(file: string, writer: TrackWriter, textOf: TextOf): Promise<Sink> {
  const growing = await openGrowing(file);
  let begun = false;
  const append = (text: string): Promise<boolean> => {
    const before = begun ? '' : writer.begin();
    begun = true;
    return growing.append(before + text);
  };
  return {
    waiting: growing.waiting,
    write: (tracked) => append(textOf(tracked)),
    async close() {
      await append(writer.end());
      await growing.finish();
    },
    async keep() {
      if (begun) await append(writer.end()).catch(() => undefined);
      const kept = await growing.keep();
      return kept !== undefined && growing.waiting !== undefined ? { older: file, kept } : undefined;
    },
  };
}

/** @returns false where the reader has gone: who only wanted the first lines, such as head, has them. @throws TrackerError OUTPUT_FAILED */
export function writeText(stream: NodeJS.WritableStream, text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      if (isReaderGone(cause)) resolve(false);
      else reject(outputFailed('stdout', cause, 'write to a file with --out, on a disk that has room'));
    };
    // the callback tells of a failure; without a listener the event that follows it would end the process
    stream.once('error', failed);
    stream.write(text, (error) => {
      if (error) return failed(error);
      stream.removeListener('error', failed);
      resolve(true);
    });
  });
}

async function streamSink(stream: NodeJS.WritableStream, writer: TrackWriter, textOf: TextOf): Promise<Sink> {
  let wanted = true;
  const write = async (text: string): Promise<boolean> => {
    if (wanted) wanted = await writeText(stream, text);
    return wanted;
  };
  await write(writer.begin());
  return {
    write: (tracked) => write(textOf(tracked)),
    close: async () => void (await write(writer.end())),
    keep: async () => void (await write(writer.end()).catch(() => undefined)),
  };
}

async function videoSink(
  file: string,
  ids: ObjectIds,
  { width, height, fps, pixelAspect }: Pick<VideoSource, 'width' | 'height' | 'fps' | 'pixelAspect'>,
): Promise<Sink> {
  const writer = await openVideoWriter(file, { width, height, fps, pixelAspect });
  return {
    async write(tracked) {
      const { image } = tracked;
      await writer.write({ ...image, data: drawResults(image, resultsOf(tracked, ids)) });
      return true;
    },
    close: () => writer.close(),
    async keep() {
      const name = await besideOlder(file);
      await writer.close(name);
      return name === undefined ? undefined : { older: file, kept: name };
    },
  };
}

/** A free name beside an older file; undefined where there is none to be kept. */
async function besideOlder(file: string): Promise<string | undefined> {
  const { path: own, kind } = await findPlace(file);
  if (kind === 'new') return undefined;
  for (const name of partialNames(own)) if (!(await statOf(name))) return name;
  return undefined;
}
