/** Frames to an MP4 file. */
import { once } from 'node:events';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { messageOf, TrackerError } from '../errors.js';
import { findPlace } from '../files/place.js';
import { besideOf, putInPlace } from '../files/write.js';
import type { Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { findBinaries, passthroughOption, type Binaries } from './binaries.js';
import { capture, createCommand } from './command.js';
import { isWholeMp4 } from './mp4.js';
import { SQUARE, type PixelAspect } from './probe.js';
import { rawFrameHead, rawHead } from './raw-stream.js';

/** Size and rate of a video that is written. */
export interface WriterOptions extends Size {
  /** Frames a second, of those frames that tell no time. */
  readonly fps: number;
  /** Width and height of one pixel as players are to show it, such as VideoSource.pixelAspect; left out: a square. */
  readonly pixelAspect?: PixelAspect;
}

/** Takes frames, one after the other. */
export interface VideoWriter {
  /**
   * Appends a frame; resolves when ffmpeg is ready for more. The frame's data must not be changed afterwards. It is shown as long after the
   * first one as its time says; without a time, or with one that is not after that of the frame before, one frame later than that.
   * @throws TrackerError VIDEO_WRITE_FAILED where ffmpeg has failed or the frame has another size than the video
   */
  write(frame: Pick<Frame, 'data' | 'width' | 'height'> & Partial<Pick<Frame, 'time'>>): Promise<void>;
  /**
   * Finishes the file: only now does it appear under its name, in place of one that was there.
   * @param name another path in the same folder, for a video that must not take the place of the older one
   * @throws TrackerError VIDEO_WRITE_FAILED; what was written is removed then, but for a whole video that only could not get its name
   */
  close(name?: string): Promise<void>;
  /** Ends ffmpeg and removes what was written. Never throws; does nothing after close(). */
  abort(): Promise<void>;
}

/** Version of FFmpeg: before it the last frame of a file would last no time. */
const LAST_FRAME_LASTS_SINCE = 5;

const HINT = 'check that the folder can be written to and has room, or leave the video out';

/**
 * MP4 with H.264 (MPEG-4 part 2 where this ffmpeg has no libx264), yuv420p, BT.709, no sound, made for playing while it loads. An odd width
 * or height gets one black column or row more, because that pixel format has none.
 * @throws TrackerError VIDEO_WRITE_FAILED where nothing can be written to that path; OPTION_INVALID; FFMPEG_MISSING
 * @example
 * ```ts
 * const writer = await openVideoWriter('tracked.mp4', { width: 640, height: 480, fps: 30 });
 * await writer.write({ ...frame, data: drawResult(frame, result) });
 * await writer.close();
 * ```
 */
export async function openVideoWriter(path: string, options: WriterOptions, binaries?: Binaries): Promise<VideoWriter> {
  checkOptions(options);
  const target = await checkTarget(path);
  const found = binaries ?? (await findBinaries());
  return startWriter(path, target, options, found, await encoderOptions(found));
}

function checkOptions({ width, height, fps, pixelAspect = SQUARE }: WriterOptions): void {
  const sides = [width, height, ...pixelAspect];
  if (sides.every((side) => Number.isInteger(side) && side > 0) && fps > 0 && fps <= MAX_FPS) return;
  throw new TrackerError('OPTION_INVALID', `video output: found ${width} x ${height} at ${fps} frames a second`, {
    hint: `expected whole numbers of pixels and a rate above 0 and up to ${MAX_FPS}`,
  });
}

/** Said at once, not after the whole video was tracked. @returns the file itself, links followed */
async function checkTarget(path: string): Promise<string> {
  const { path: target, kind } = await findPlace(path);
  if (kind === 'folder') {
    throw writeFailed(path, 'it is a folder, expected the name of a file', 'add a file name, such as tracked.mp4');
  }
  if (kind === 'stream') {
    throw writeFailed(
      path,
      'it is a pipe or a device, and an MP4 file is not written from front to back',
      'name a file',
    );
  }
  const folder = dirname(target);
  if (!(await isFolder(folder))) throw writeFailed(path, `there is no folder ${folder}`, `mkdir -p ${folder}`);
  return target;
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );

/**
 * Every FFmpeg has the second encoder; distributions leave the first one out for its licence. Without B-frames: where the rate varies, the
 * length of the file would be told too short, and players leave out its last frames.
 */
async function encoderOptions({ ffmpeg }: Binaries): Promise<string[]> {
  const { stdout } = await capture(ffmpeg.path, ['-hide_banner', '-encoders']);
  return /\slibx264\s/.test(stdout)
    ? ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', '-bf', '0']
    : ['-c:v', 'mpeg4', '-q:v', '3'];
}

// oxlint-disable-next-line max-lines-per-function -- one state, of a file that grows: write, close and abort are its three ends
async function startWriter(
  path: string,
  target: string,
  options: WriterOptions,
  binaries: Binaries,
  encoder: readonly string[],
): Promise<VideoWriter> {
  const { width, height, fps } = options;
  const size = 3 * width * height;
  const partial = besideOf(target);
  const encoding = await startEncoding(partial, options, binaries, encoder);
  const clock = createClock(fps);
  let frames = 0;
  let closed = false;

  const discard = async (): Promise<void> => {
    closed = true;
    encoding.kill();
    await encoding.ended;
    await remove(partial);
  };
  const checkEncoding = async (): Promise<void> => {
    const failure = encoding.failure();
    if (!failure) return;
    await discard();
    throw writeFailed(path, failure.message, HINT, failure);
  };

  return {
    async write(frame) {
      await checkEncoding();
      if (closed) throw writeFailed(path, 'a frame came after the video was closed', 'write all frames before close()');
      if (frame.width !== width || frame.height !== height || frame.data.length !== size) {
        const found = `frame ${frames} has ${frame.width} x ${frame.height} pixels in ${frame.data.length} bytes`;
        throw writeFailed(path, `${found}, expected ${width} x ${height} in ${size}`, 'give all frames the same size');
      }
      if (frames++ === 0) encoding.input.write(rawHead(options, fps));
      encoding.input.write(rawFrameHead(clock.place(frame.time), size));
      await new Promise<void>((done) => encoding.input.write(frame.data, () => done()));
      await checkEncoding();
    },
    async close(name = target) {
      if (!closed && frames === 0) {
        await discard();
        throw writeFailed(path, 'not one frame was written', 'write a frame before close()');
      }
      encoding.input.end();
      await encoding.ended;
      await checkEncoding();
      if (closed) return;
      if (!(await isWholeMp4(partial))) {
        await discard();
        throw writeFailed(path, encoding.complaints() || 'ffmpeg has written a part of it only', HINT);
      }
      closed = true;
      await lengthenLast(partial, binaries).catch(async (cause: unknown) => {
        await remove(partial);
        throw writeFailed(path, messageOf(cause), HINT, cause);
      });
      await putInPlace(partial, name).catch((cause: unknown) => {
        // hours of work may be in it
        throw writeFailed(path, messageOf(cause), `the finished video is ${partial}: move it yourself`, cause);
      });
    },
    async abort() {
      if (!closed) await discard();
    },
  };
}

/** The index in front, and no edit list: every frame that is stored plays. */
const MP4 = ['-movflags', '+faststart', '-use_editlist', '0', '-f', 'mp4'];

interface Encoding {
  /** Takes what raw-stream.ts makes. A write's callback comes when the frame has gone on to ffmpeg, or when ffmpeg is gone. */
  readonly input: PassThrough;
  /** Settles when ffmpeg is gone; never rejects. */
  readonly ended: Promise<void>;
  /** Error of ffmpeg, once it has failed by itself. */
  failure(): Error | undefined;
  /** Faults in ffmpeg's log although it returned 0, as versions 4 and 5 do where the disk was full when they wrote the index. */
  complaints(): string;
  kill(): void;
}

async function startEncoding(
  target: string,
  { fps, pixelAspect = SQUARE }: WriterOptions,
  binaries: Binaries,
  encoder: readonly string[],
): Promise<Encoding> {
  const input = new PassThrough({ highWaterMark: 1 });
  const [ticks] = rateOf(fps);
  const filters = [
    'pad=ceil(iw/2)*2:ceil(ih/2)*2',
    // players take a picture without a word on its colours for BT.709; ffmpeg by itself converts to BT.601
    'scale=out_color_matrix=bt709:out_range=tv',
    'format=yuv420p',
    `setsar=${pixelAspect.join('/')}:max=${MAX_NUMBER}`,
  ];
  const command = createCommand(input, binaries)
    .inputOptions(['-f', 'matroska'])
    .outputOptions(['-vf', filters.join(',')])
    .outputOptions([...passthroughOption(binaries.ffmpeg), '-enc_time_base', `1:${ticks}`])
    .outputOptions(['-video_track_timescale', String(ticks)])
    .outputOptions(['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-color_range', 'tv'])
    .outputOptions([...encoder, '-an', ...MP4])
    .output(target);

  let failure: Error | undefined;
  let complaints = '';
  let killed = false;
  const ended = new Promise<void>((done) => {
    const end = (): void => {
      // nobody reads any more: let what waits run out, so that a pending write comes back
      input.unpipe().resume();
      done();
    };
    command.once('end', (_stdout: unknown, log: unknown) => {
      complaints = lastLines(log, FAULT);
      end();
    });
    command.once('error', (error: Error, _stdout: unknown, log: unknown) => {
      if (!killed) failure = new Error(lastLines(log) || messageOf(error), { cause: error });
      end();
    });
  });
  const started = once(command, 'start').catch(() => undefined);
  command.run();
  await Promise.race([started, ended]);
  const kill = (): void => {
    killed = true;
    command.kill('SIGKILL');
    input.end();
  };
  return { input, ended, failure: () => failure, complaints: () => complaints, kill };
}

/** Above this it is a clock rate that stands in for an unknown frame rate. */
const MAX_FPS = 1000;
/** The largest number of a rate or of a ratio that MPEG-4 part 2 can say. */
const MAX_NUMBER = 65_535;

/** 29.97002997 -> 30000/1001, 25 -> 25000/1000: as a fraction, because a rounded rate would drift. The first number is a unit of time, too. */
function rateOf(fps: number): readonly [over: number, under: number] {
  const whole = Math.round(fps * 1.001);
  const isTelevision = Math.abs(whole / 1.001 - fps) < 1e-3;
  const [over, under] = isTelevision ? [whole * 1000, 1001] : [Math.round(fps * 1000), 1000];
  const [fine, scale] = over <= MAX_NUMBER ? [over, under] : [Math.round(fps * 50), 50];
  return [Math.max(1, fine), scale];
}

/** Containers round their times: one that is so near to a constant rate, seconds, is meant to be there. */
const ROUNDING_SECONDS = 0.001;

interface Clock {
  /** @param time of the frame, seconds; @returns seconds from the first frame, later than those before */
  place(time: number | undefined): number;
}

/** Times in units that the file can say. */
function createClock(fps: number): Clock {
  const [over, under] = rateOf(fps);
  const near = Math.min(ROUNDING_SECONDS, 1 / (4 * fps));
  let first: number | undefined;
  let before: number | undefined;
  const ticksOf = (seconds: number): number => {
    const constant = Math.round((seconds * over) / under) * under;
    return Math.abs(constant / over - seconds) <= near ? constant : Math.round(seconds * over);
  };
  return {
    place(time) {
      const next = before === undefined ? 0 : before + under;
      if (time !== undefined) first ??= time - (before === undefined ? 0 : next / over);
      const asked = time === undefined ? next : ticksOf(time - first!);
      before = before === undefined || asked > before ? asked : next;
      return before / over;
    },
  };
}

/**
 * Before FFmpeg 5 an encoder does not tell how long its last frame lasts. Who reads the file knows it by the rate: it is copied once.
 * @throws Error
 */
async function lengthenLast(file: string, { ffmpeg }: Binaries): Promise<void> {
  if ((ffmpeg.major ?? 0) >= LAST_FRAME_LASTS_SINCE) return;
  const copy = `${file}.copy`;
  const args = ['-v', 'error', '-nostdin', '-y', '-i', `file:${file}`, '-c', 'copy', ...MP4, `file:${copy}`];
  const { failure, stderr } = await capture(ffmpeg.path, args);
  if (failure === undefined) return rename(copy, file);
  await remove(copy);
  throw new Error(lastLines(stderr) || failure);
}

const LINES_SHOWN = 4;
const FAULT = /error|fail|unable|no space/i;

function lastLines(log: unknown, wanted = /\S/): string {
  const lines = typeof log === 'string' ? log.split('\n').filter((line) => wanted.test(line)) : [];
  return lines.slice(-LINES_SHOWN).join('\n  ');
}

/** Ignores failures: the one that led here is the one to report. */
const remove = (path: string): Promise<void> => rm(path, { force: true }).catch(() => undefined);

function writeFailed(path: string, why: string, hint: string, cause?: unknown): TrackerError {
  return new TrackerError('VIDEO_WRITE_FAILED', `video ${path}: cannot be written: ${why}`, { hint, cause });
}
