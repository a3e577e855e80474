/** Where results go: rows to a file or stdout, pictures to a video. */
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { drawResults } from '../image/draw.js';
import { createTrackWriter, formatOfName, type FormatName, type Media, type TrackWriter } from '../io/tracks.js';
import type { TrackResult } from '../result.js';
import type { TrackedObjects } from '../tracker/track-video.js';
import { openVideoWriter } from '../video/write.js';
import type { VideoSource } from '../video/read.js';
import { nameOf } from '../video/source.js';

export interface OutputPaths {
  /** Left out: to stdout. */
  readonly rows?: string;
  /** Left out: by the name of the file; CSV to stdout. */
  readonly format?: FormatName;
  /** Rows go nowhere: only the video is wanted. */
  readonly noRows?: boolean;
  /** .mp4 with the boxes drawn in; left out: none. */
  readonly video?: string;
}

export interface Outputs {
  /** Writes one frame's result everywhere. A row is on its way to the disk when this resolves: a killed run keeps it. */
  write(tracked: TrackedObjects): Promise<void>;
  /** Ends the files so that they are whole. */
  close(): Promise<void>;
}

interface Sink {
  write(tracked: TrackedObjects): Promise<void>;
  close(): Promise<void>;
}

/**
 * What can be said of the paths before anything is opened.
 * @throws TrackerError OPTION_INVALID (an ending, or a file named twice), OUTPUT_FAILED (no such folder, not writable)
 */
export async function checkOutputs({ rows, format, video }: OutputPaths, input: string): Promise<void> {
  if (rows !== undefined && format === undefined) formatOfName(rows);
  if (video !== undefined && path.extname(video).toLowerCase() !== '.mp4') {
    throw new TrackerError('OPTION_INVALID', `--video ${video}: expected a file ending in .mp4`, {
      hint: `--video ${path.parse(video).name || 'out'}.mp4`,
    });
  }
  for (const file of [rows, video]) {
    if (file === undefined) continue;
    if (path.resolve(file) === path.resolve(input)) {
      throw new TrackerError('OPTION_INVALID', `output ${file}: it is the input as well`, {
        hint: 'name another file',
      });
    }
    await checkWritable(file);
  }
}

async function checkWritable(file: string): Promise<void> {
  const folder = path.dirname(path.resolve(file));
  try {
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw outputFailed(file, cause, `mkdir -p ${folder}, or name a folder that you may write to`);
  }
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw outputFailed(file, 'it is a folder', 'name a file');
}

function outputFailed(file: string, cause: unknown, hint: string): TrackerError {
  return new TrackerError('OUTPUT_FAILED', `output ${file}: cannot be written (${messageOf(cause)})`, { hint, cause });
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
  if (!noRows) {
    const sink = rows === undefined ? streamSink(stdout, writer, textOf) : fileSink(rows, writer, textOf);
    sinks.push(await sink);
  }
  if (video !== undefined) sinks.push(await videoSink(video, ids, source));
  return {
    async write(tracked) {
      for (const sink of sinks) await sink.write(tracked);
    },
    async close() {
      // every one is closed, even where one before it failed
      const ends = await Promise.allSettled(sinks.map((sink) => sink.close()));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
  };
}

/** A frame's results, each with its id where there are several. */
function resultsOf({ objects }: TrackedObjects, ids: ObjectIds): (TrackResult & { readonly id?: number })[] {
  return objects.map((result, i) => (ids.length > 1 ? { ...result, id: ids[i]! } : result));
}

/** What is to be appended for one frame. */
function rowsText({ frame, time, objects }: TrackedObjects, ids: ObjectIds, writer: TrackWriter): string {
  return objects.map((result, i) => writer.row({ ...result, frame, time, id: ids[i]! })).join('');
}

type TextOf = (tracked: TrackedObjects) => string;

async function fileSink(file: string, writer: TrackWriter, textOf: TextOf): Promise<Sink> {
  const failed = (cause: unknown): never => {
    throw outputFailed(file, cause, 'check that the disk has room and that you may write there');
  };
  const handle = await open(file, 'w').catch(failed);
  const append = (text: string): Promise<void> => handle.appendFile(text).catch(failed);
  await append(writer.begin());
  return {
    write: (tracked) => append(textOf(tracked)),
    async close() {
      try {
        await append(writer.end());
      } finally {
        await handle.close();
      }
    },
  };
}

async function streamSink(stream: NodeJS.WritableStream, writer: TrackWriter, textOf: TextOf): Promise<Sink> {
  const write = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const failed = (cause: unknown): void =>
        reject(outputFailed('stdout', cause, 'let the reader take all lines, or write to a file with --out'));
      // the callback tells of a failure; without a listener the event that follows it would end the process
      stream.once('error', failed);
      stream.write(text, (error) => {
        if (error) return failed(error);
        stream.removeListener('error', failed);
        resolve();
      });
    });
  await write(writer.begin());
  return { write: (tracked) => write(textOf(tracked)), close: () => write(writer.end()) };
}

async function videoSink(
  file: string,
  ids: ObjectIds,
  { width, height, fps, pixelAspect }: Pick<VideoSource, 'width' | 'height' | 'fps' | 'pixelAspect'>,
): Promise<Sink> {
  const writer = await openVideoWriter(file, { width, height, fps, pixelAspect });
  return {
    write: (tracked) => {
      const { image } = tracked;
      return writer.write({ ...image, data: drawResults(image, resultsOf(tracked, ids)) });
    },
    close: () => writer.close(),
  };
}
