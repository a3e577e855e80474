/* oxlint-disable max-lines -- one state machine: a line that is opened, read, lost and opened again */
/** Live sources: cameras, network streams, stdin. Always the newest frame; those in between are dropped and counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { findBinaries, passthroughOption, refuseOldBuild, type Binaries } from './binaries.js';
import { capture, startLive, type FfmpegRun, type LiveInput } from './command.js';
import { parseAspect, type PixelAspect } from './probe.js';
import type { VideoSource } from './read.js';
import { CAMERA, findSource, STDIN } from './source.js';

/** Change of the connection. */
export type LiveEvent =
  | {
      /** No frame arrives. */
      readonly kind: 'stalled';
      /** Seconds since the last frame. */
      readonly seconds: number;
    }
  | {
      /** The connection broke, or timed out. */
      readonly kind: 'lost';
      /** Fault in ffmpeg's log, or how the stream ended. */
      readonly why: string;
      /** Seconds until the next retry. */
      readonly retryInSeconds: number;
    }
  | {
      /** Frames arrive again. */
      readonly kind: 'back';
      /** Seconds without a frame. */
      readonly afterSeconds: number;
    };

/** How a live source is opened, and how patient it is. */
export interface LiveOptions {
  /** Aborted: the frames end. */
  readonly signal?: AbortSignal | undefined;
  /** The ffmpeg to use; found otherwise. */
  readonly binaries?: Binaries | undefined;
  /** Told what happens to the connection. */
  readonly onEvent?: (event: LiveEvent) => void;
  /** Timeout of a connection in seconds without a frame; then it is closed and made again. Default 10. */
  readonly stallSeconds?: number;
  /** Timeout of the source in seconds without a frame; then it has ended. Default 60; before the first frame 15. */
  readonly giveUpSeconds?: number;
}

/** Counts of frames and connections so far. */
export interface LiveCounts {
  /** Frames that arrived. */
  readonly received: number;
  /** Those of them that were never handed out. */
  readonly dropped: number;
  /** Connections made after the first. */
  readonly reconnects: number;
}

/**
 * Frame numbers count what arrived, so that dropped ones leave gaps; times are those of arrival, seconds from the first frame. The frames
 * end when the signal does, when stdin does, or when nothing has come for a long time.
 */
export interface LiveSource extends VideoSource {
  /** Frames so far. */
  counts(): LiveCounts;
  /** Milliseconds since the frame that was handed out last had arrived. */
  age(): number;
  /** Ends the connection; needed where frames() is not run to its end. */
  close(): Promise<void>;
}

const FIRST_FRAME_SECONDS = 15;
const DEFAULTS = { stallSeconds: 10, giveUpSeconds: 60 };
/** Silence is told after so long. */
const TELL_SECONDS = 2;
const FIRST_RETRY_SECONDS = 0.25;
const LAST_RETRY_SECONDS = 8;
const DEFAULT_FPS = 25;

/**
 * Resolves when the first frame has arrived: it is the one that frames() begins with.
 * @throws TrackerError VIDEO_UNREADABLE with ffmpeg's words where none comes; INTERRUPTED by the signal; OPTION_INVALID (among others for
 * a video that has an end: it is for openVideo); FFMPEG_MISSING, FFMPEG_OLD
 * @example
 * ```ts
 * const source = await openLive('camera:0');
 * ```
 */
export async function openLive(path: string, options: LiveOptions = {}): Promise<LiveSource> {
  if (path === STDIN && process.stdin.isTTY) {
    throw new TrackerError('OPTION_INVALID', 'video -: stdin is a terminal, expected a video', {
      hint: 'for example: ffmpeg -i INPUT -f mpegts - | ebm-tracker track - --box x,y,w,h',
    });
  }
  const binaries = options.binaries ?? (await findBinaries());
  refuseOldBuild(binaries, path);
  await refuseWhatEnds(path, binaries, options.signal);
  const input = await inputOf(path, binaries);
  const newest = new Newest();
  const pump = new Pump(path, input, binaries, newest, options);
  const ended = pump.run();
  const first = await newest.take();
  if (!first) {
    await ended;
    throw options.signal?.aborted ? interrupted(path) : unreadable(path, pump.lastWords);
  }
  const close = async (): Promise<void> => {
    pump.stop();
    await ended;
  };
  let handedOut = first;
  return {
    path,
    ...pump.format!,
    frameCount: 0,
    rotation: 0,
    mirrored: false,
    codec: 'live',
    warnings: pump.warnings,
    frameTimes: async () => undefined,
    counts: () => ({ received: pump.received, dropped: newest.dropped, reconnects: pump.reconnects }),
    age: () => performance.now() - handedOut.arrived,
    async *frames() {
      try {
        for (let next: LiveFrame | undefined = first; next; next = await newest.take()) {
          if (options.signal?.aborted) return;
          handedOut = next;
          yield next;
        }
      } finally {
        await close();
      }
    },
    close,
  };
}

/** It would be read again and again, with most of its frames dropped. */
async function refuseWhatEnds(path: string, binaries: Binaries, signal: AbortSignal | undefined): Promise<void> {
  const { kind } = await findSource(path, { binaries, signal });
  if (kind === 'live') return;
  throw new TrackerError('OPTION_INVALID', `live source ${path}: it has an end, expected a live source`, {
    hint: 'openVideo() reads every frame of it',
  });
}

function interrupted(path: string): TrackerError {
  return new TrackerError('INTERRUPTED', `live source ${path}: stopped before its first frame`, {
    hint: 'run the command again',
  });
}

function unreadable(path: string, words: string): TrackerError {
  const hint =
    path === STDIN
      ? 'a whole video that is no stream, as most MP4 files: COMMAND | ebm-tracker track /dev/stdin reads every frame of it'
      : 'does it play elsewhere? ffplay says more; cameras are named camera:0, camera:1 ...';
  return new TrackerError('VIDEO_UNREADABLE', `live source ${path}: no frame came: ${words}`, { hint });
}

/** The server has answered, and will not say anything else: 401 and 404, but not 503. */
const REFUSED = /\b(server returned|method \w+ failed:|http error) 4\d\d\b/i;

interface LiveFrame extends Frame {
  /** performance.now() when it was whole. */
  readonly arrived: number;
}

/** One place for a frame: what is put there takes the place of what was not taken. */
class Newest {
  dropped = 0;
  #frame: LiveFrame | undefined;
  #closed = false;
  #wake: () => void = () => {};

  /** @returns the frame that nobody took: its buffer is free */
  put(frame: LiveFrame): LiveFrame | undefined {
    const old = this.#frame;
    if (old) this.dropped++;
    this.#frame = frame;
    this.#wake();
    return old;
  }

  /** The newest frame, as soon as there is one; undefined when none will come. One taker at a time. */
  async take(): Promise<LiveFrame | undefined> {
    while (!this.#frame && !this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
    const frame = this.#frame;
    this.#frame = undefined;
    return frame;
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }
}

/** @param failures connections in a row that gave no frame */
type Input = (failures: number) => LiveInput;

interface Format extends Size {
  readonly fps: number;
  readonly pixelAspect: PixelAspect;
}

/** Keeps a connection, and puts its frames where they are taken. */
class Pump {
  received = 0;
  reconnects = 0;
  lastWords = 'nothing';
  /** Format of the first connection; frames of later ones are scaled to it. */
  format: Format | undefined;
  readonly warnings: string[] = [];
  readonly #stopped = new AbortController();
  #firstArrival: number | undefined;
  #lastArrival = performance.now();
  #told = false;
  #run: FfmpegRun | undefined;

  constructor(
    private readonly path: string,
    private readonly input: Input,
    private readonly binaries: Binaries,
    private readonly newest: Newest,
    private readonly options: LiveOptions,
  ) {}

  /** Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.options;
    const stop = (): void => this.stop();
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      const before = this.received;
      await this.#connect(this.input(failures));
      if (this.#stopped.signal.aborted || this.path === STDIN) break;
      if (this.#isOver()) {
        if (this.received > 0) this.warnings.push(this.#ending());
        break;
      }
      if (this.received === 0 && REFUSED.test(this.lastWords)) break;
      failures = this.received > before ? 0 : failures + 1;
      const wait = Math.min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** failures);
      this.options.onEvent?.({ kind: 'lost', why: this.lastWords, retryInSeconds: wait });
      await sleep(1000 * wait, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      this.reconnects++;
    }
    signal?.removeEventListener('abort', stop);
    if (this.path === STDIN && this.newest.dropped > 0) this.warnings.push(this.#dropping());
    this.newest.close();
  }

  stop(): void {
    this.#stopped.abort();
    this.#run?.kill();
    this.newest.close();
  }

  /** Seconds without a frame. */
  #silence(): number {
    return (performance.now() - this.#lastArrival) / 1000;
  }

  /** Seconds without a frame after which there will be none. */
  #limit(): number {
    const { giveUpSeconds = DEFAULTS.giveUpSeconds } = this.options;
    return this.received === 0 ? Math.min(FIRST_FRAME_SECONDS, giveUpSeconds) : giveUpSeconds;
  }

  #isOver(): boolean {
    return this.#silence() >= this.#limit();
  }

  #ending(): string {
    return `${this.path}: ended, no frame for ${this.#limit()} s: ${this.lastWords}`;
  }

  /** Said of stdin alone: it may well be a file that somebody wants all of. */
  #dropping(): string {
    const { dropped } = this.newest;
    return `${this.path}: ${dropped} of ${this.received} frames were dropped, which came faster than they were taken; for all of them: COMMAND | ebm-tracker track /dev/stdin`;
  }

  /** One connection, to its end. */
  async #connect(input: LiveInput): Promise<void> {
    const log = new LiveLog(this.format, () => run.kill());
    const run = startLive(this.binaries, input, outputOptions(this.binaries, this.format), (line) => log.read(line));
    this.#run = run;
    const { stallSeconds = DEFAULTS.stallSeconds } = this.options;
    const began = performance.now();
    const watch = setInterval(() => {
      const silence = Math.min(this.#silence(), (performance.now() - began) / 1000);
      if (this.#silence() > TELL_SECONDS && this.received > 0 && !this.#told) {
        this.#told = true;
        this.options.onEvent?.({ kind: 'stalled', seconds: this.#silence() });
      }
      // a connection that is new is given the time to make itself
      if (silence > (this.received === 0 ? FIRST_FRAME_SECONDS : stallSeconds) || this.#isOver()) run.kill();
    }, 200);
    try {
      await this.#readFrames(run.stdout, log);
    } finally {
      clearInterval(watch);
      run.kill();
      const { failure } = await run.ended;
      this.lastWords = log.changed ?? log.problem ?? failure ?? 'the stream ended';
    }
  }

  async #readFrames(stream: Readable, log: LiveLog): Promise<void> {
    let buffer: Uint8Array | undefined;
    let filled = 0;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        // ffmpeg tells the size before it writes, though on another pipe
        this.format ??= await log.format();
        if (!this.format) return;
        const { width, height } = this.format;
        for (let taken = 0; taken < chunk.length;) {
          buffer ??= new Uint8Array(3 * width * height);
          const part = chunk.subarray(taken, taken + buffer.length - filled);
          buffer.set(part, filled);
          filled += part.length;
          taken += part.length;
          if (filled < buffer.length) continue;
          const old = this.#arrive(buffer, this.format);
          buffer = old?.data;
          filled = 0;
        }
      }
    } catch {
      // a stream that breaks is one that ended
    }
  }

  #arrive(data: Uint8Array, { width, height }: Format): LiveFrame | undefined {
    const arrived = performance.now();
    this.#firstArrival ??= arrived;
    if (this.#told) {
      this.#told = false;
      this.options.onEvent?.({ kind: 'back', afterSeconds: (arrived - this.#lastArrival) / 1000 });
    }
    this.#lastArrival = arrived;
    const time = (arrived - this.#firstArrival) / 1000;
    return this.newest.put({ data, width, height, index: this.received++, time, arrived });
  }
}

/** Reads ffmpeg's log: the size of what it writes, whether that of what it reads changes, and what went wrong. */
class LiveLog {
  /** The last problem. */
  problem: string | undefined;
  /** Said where the picture changed its size before its first size was known to ffmpeg. */
  changed: string | undefined;
  readonly #scaled: boolean;
  readonly #onChange: () => void;
  #inOutput = false;
  #source: string | undefined;
  #found: Format | undefined;
  #wake: () => void = () => {};

  /** @param onChange called where frames of another size would come */
  constructor(format: Format | undefined, onChange: () => void) {
    this.#scaled = format !== undefined;
    this.#onChange = onChange;
  }

  read(line: string): void {
    const problem = /\[(?:error|fatal|panic)\] (.*)/.exec(line)?.[1];
    if (problem !== undefined) this.problem = problem.trim();
    if (/Output #0/.test(line)) this.#inOutput = true;
    if (this.#inOutput && !this.#found) this.#readOutput(line);
    const source = /graph \d+ input from stream .* (w:\d+ h:\d+) /.exec(line)?.[1];
    if (source === undefined) return;
    if (this.#source !== undefined && source !== this.#source && !this.#scaled) {
      this.changed = 'the picture changed its size';
      this.#onChange();
    }
    this.#source = source;
  }

  /** Undefined where it was not said in time. */
  async format(): Promise<Format | undefined> {
    if (!this.#found) {
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(2000)]);
    }
    return this.#found;
  }

  #readOutput(line: string): void {
    const size = /Video: rawvideo.*?, (\d+)x(\d+)/.exec(line);
    if (!size) return;
    const fps = Number(/, ([\d.]+) fps/.exec(line)?.[1] ?? DEFAULT_FPS);
    this.#found = {
      width: Number(size[1]),
      height: Number(size[2]),
      fps: fps > 0 && fps <= 240 ? fps : DEFAULT_FPS,
      pixelAspect: parseAspect(/\[SAR (\d+:\d+) /.exec(line)?.[1]),
    };
    this.#wake();
  }
}

/** Decoders that work on several frames at once hand them out as many frames late. */
const NO_DELAY = ['-flags', 'low_delay', '-threads', '1'];

/**
 * How much of a stream ffmpeg looks at before its first frame: bytes and microseconds, more each time that nothing came of it. Its own 5 MB
 * are seconds of a camera's picture.
 */
const PROBES = [
  [65_536, 500_000],
  [1_000_000, 2_000_000],
  [5_000_000, 5_000_000],
] as const;

function outputOptions({ ffmpeg }: Binaries, format: Format | undefined): string[] {
  const scale = format ? [`scale=${format.width}:${format.height}`] : [];
  const filters = [...scale, 'format=rgb24'].join(',');
  const output = ['-f', 'rawvideo', '-flush_packets', '1', 'pipe:1'];
  return ['-map', '0:V:0', ...passthroughOption(ffmpeg), '-vf', filters, ...output];
}

/** @throws TrackerError OPTION_INVALID where there is no such camera */
async function inputOf(path: string, binaries: Binaries): Promise<Input> {
  const camera = CAMERA.exec(path)?.[1];
  if (camera !== undefined) {
    const options = [...NO_DELAY, ...(await cameraOptions(camera, binaries))];
    return () => ({ options, stdin: false });
  }
  const stdin = path === STDIN;
  // over UDP, packets of a camera get lost unseen
  const transport = /^rtsps?:/i.test(path) ? ['-rtsp_transport', 'tcp'] : [];
  return (failures) => {
    const [bytes, microseconds] = PROBES[stdin ? 1 : Math.min(failures, PROBES.length - 1)]!;
    const probe = ['-probesize', String(bytes), '-analyzeduration', String(microseconds)];
    return { options: [...NO_DELAY, ...probe, ...transport, '-i', stdin ? 'pipe:0' : path], stdin };
  };
}

/** @param camera number from 0, or the system's name of it */
async function cameraOptions(camera: string, binaries: Binaries): Promise<string[]> {
  const isNumber = /^\d+$/.test(camera);
  if (process.platform === 'darwin') return ['-f', 'avfoundation', '-framerate', '30', '-i', `${camera}:none`];
  if (process.platform !== 'win32') return ['-f', 'v4l2', '-i', isNumber ? `/dev/video${camera}` : camera];
  if (!isNumber) return ['-f', 'dshow', '-i', `video=${camera}`];
  const list = ['-hide_banner', '-list_devices', 'true', '-f', 'dshow', '-i', 'dummy'];
  const { stderr } = await capture(binaries.ffmpeg.path, list);
  const names = dshowCameras(stderr);
  const name = names[Number(camera)];
  if (name !== undefined) return ['-f', 'dshow', '-i', `video=${name}`];
  throw new TrackerError('OPTION_INVALID', `camera:${camera}: found ${names.length} camera(s): ${names.join(', ')}`, {
    hint: 'camera:0 is the first one; camera:NAME takes it by its name',
  });
}

/** Names of the cameras in ffmpeg's list: marked "(video)" in newer versions, under a heading in older ones. */
export function dshowCameras(log: string): string[] {
  const names: string[] = [];
  let heading = '';
  for (const line of log.split('\n')) {
    heading = /DirectShow (video|audio) devices/.exec(line)?.[1] ?? heading;
    const [, name, kind = heading] = /\] +"([^"]+)"(?: \((\w+)\))?/.exec(line) ?? [];
    if (name !== undefined && kind === 'video' && !line.includes('Alternative name')) names.push(name);
  }
  return names;
}
