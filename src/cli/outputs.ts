/** Where results go: rows to a file or stdout, pictures to a video. */
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { drawResult } from '../image/draw.js';
import { formatHead, formatOf, formatRow } from '../io/boxes.js';
import type { TrackedFrame } from '../tracker/track-video.js';
import { openVideoWriter } from '../video/write.js';
import type { VideoSource } from '../video/read.js';

export interface OutputPaths {
  /** .csv or .jsonl; left out: CSV to stdout. */
  readonly rows?: string;
  /** .mp4 with the boxes drawn in; left out: none. */
  readonly video?: string;
}

export interface Outputs {
  /** Writes one frame's result everywhere. A row is on its way to the disk when this resolves: a killed run keeps it. */
  write(tracked: TrackedFrame): Promise<void>;
  /** Ends the files so that they are whole. */
  close(): Promise<void>;
}

interface Sink {
  write(tracked: TrackedFrame): Promise<void>;
  close(): Promise<void>;
}

/**
 * What can be said of the paths before anything is opened.
 * @throws TrackerError OPTION_INVALID (an ending, or a file named twice), OUTPUT_FAILED (no such folder, not writable)
 */
export async function checkOutputs({ rows, video }: OutputPaths, input: string): Promise<void> {
  if (rows !== undefined) formatOf(rows);
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

/** @throws TrackerError OUTPUT_FAILED, VIDEO_WRITE_FAILED */
export async function openOutputs(
  { rows, video }: OutputPaths,
  source: Pick<VideoSource, 'width' | 'height' | 'fps'>,
  stdout: NodeJS.WritableStream,
): Promise<Outputs> {
  const sinks: Sink[] = [rows === undefined ? await streamSink(stdout) : await fileSink(rows)];
  if (video !== undefined) sinks.push(await videoSink(video, source));
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

async function fileSink(file: string): Promise<Sink> {
  const format = formatOf(file);
  const failed = (cause: unknown): never => {
    throw outputFailed(file, cause, 'check that the disk has room and that you may write there');
  };
  const handle = await open(file, 'w').catch(failed);
  await handle.appendFile(formatHead(format)).catch(failed);
  return {
    write: (tracked) => handle.appendFile(formatRow(tracked, format)).catch(failed),
    close: () => handle.close(),
  };
}

async function streamSink(stream: NodeJS.WritableStream): Promise<Sink> {
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
  await write(formatHead('csv'));
  return { write: (tracked) => write(formatRow(tracked, 'csv')), close: () => Promise.resolve() };
}

async function videoSink(
  file: string,
  { width, height, fps }: Pick<VideoSource, 'width' | 'height' | 'fps'>,
): Promise<Sink> {
  const writer = await openVideoWriter(file, { width, height, fps });
  return {
    write: ({ image, ...result }) =>
      writer.write({ data: drawResult(image, result), width: image.width, height: image.height }),
    close: () => writer.close(),
  };
}
