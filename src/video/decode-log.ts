/** Reads the log of a decoding ffmpeg: the time of each frame, and what went wrong. */

import { turned } from './orientation.js';
import type { VideoInfo } from './probe.js';

/** showinfo speaks; of a frame it says several lines. */
const SHOWN_LINE = /\[Parsed_showinfo_/;
/** First part of showinfo's line of a frame; the filters before it make the unit microseconds. */
const FRAME_LINE = /\[Parsed_showinfo_.*\] n: *\d+ pts: *(NOPTS|-?\d+)/;
/** Said where the decoder's first frame, or one of another size, comes to the filters. */
const SIZE_LINE = /\[graph -?\d+ input from stream .*\] w:(\d+) h:(\d+) /;
const PROBLEM_LINE = /\[(?:error|fatal|panic)\] (.*)/;
/** showinfo writes its line in pieces: what a decoder's thread says meanwhile stands in the middle of it, without its level. */
const PROBLEM_WITHIN = /\b(?:error while|invalid|corrupt|concealing|missing|truncat|non-existing|illegal).*/i;
/**
 * Said where two frames have one time: it is about the raw output, which has no times. And where a line to a server broke: it is made
 * again, and where that fails more is said.
 */
const HARMLESS = /dts to muxer|Stream ends prematurely/;
/** A playlist's part that is not there is passed over, with a warning. */
const PART_MISSING = /\[warning\] (Failed to open segment.*|HTTP error .*)/;
/** A stream that ends this many seconds before it should is cut off. */
const MISSING_SECONDS = 0.5;

/** Figures that the file's headers announce. */
export type Announced = Pick<VideoInfo, 'width' | 'height' | 'rotation' | 'fps' | 'streamSeconds' | 'storedFrames'>;

/** Start of the log, if it is not at the first frame. */
export interface LogStart {
  /** ffmpeg's time, seconds, that counts as 0. */
  readonly origin: number;
  /** Number of the frame that comes first. */
  readonly frame: number;
}

export class DecodeLog {
  readonly #announced: Announced;
  readonly #firstFrame: number;
  /** Microseconds, of the frames that were not asked for yet: few, ffmpeg waits for its reader. */
  readonly #pending: number[] = [];
  #closed = false;
  #wake: () => void = () => {};
  #first: number | undefined;
  #last: number | undefined;
  #frames = 0;
  #problems = 0;
  #firstProblem = '';
  #resized: string | undefined;

  constructor(announced: Announced, start?: LogStart) {
    this.#announced = announced;
    this.#firstFrame = start?.frame ?? 0;
    if (start) this.#first = start.origin * 1e6;
  }

  read(line: string): void {
    const frame = FRAME_LINE.exec(line);
    if (frame) {
      this.#frames++;
      this.#pending.push(Number(frame[1]));
      this.#wake();
    } else this.#readSize(line);
    const said = PROBLEM_LINE.exec(line) ?? PART_MISSING.exec(line);
    const problem = said?.[1] ?? (SHOWN_LINE.test(line) ? PROBLEM_WITHIN.exec(line)?.[0] : undefined);
    if (problem === undefined || HARMLESS.test(problem)) return;
    if (this.#problems++ === 0) this.#firstProblem = problem.trim();
  }

  #readSize(line: string): void {
    const [, width, height] = SIZE_LINE.exec(line) ?? [];
    if (width === undefined) return;
    const stored = turned(this.#announced, this.#announced);
    if (Number(width) === stored.width && Number(height) === stored.height) return;
    const from = `from frame ${this.#firstFrame + this.#frames} on the picture is`;
    this.#resized ??= `${from} ${width} x ${height}, not ${stored.width} x ${stored.height}: it was scaled`;
  }

  /** No more lines will come. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Time of the next frame, seconds from the first. Where it is unknown or runs backwards, one frame after the last. */
  async nextTime(): Promise<number> {
    while (this.#pending.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#timeOf(this.#pending.shift() ?? Number.NaN);
  }

  /** Times of the frames that were read and not asked for yet. */
  takeTimes(): number[] {
    return this.#pending.splice(0).map((stamp) => this.#timeOf(stamp));
  }

  /** @param stamp microseconds; NaN where there is none */
  #timeOf(stamp: number): number {
    this.#first ??= Number.isNaN(stamp) ? 0 : stamp;
    const time = (stamp - this.#first) / 1e6;
    const guess = this.#last === undefined ? 0 : this.#last + 1 / this.#announced.fps;
    this.#last = time >= (this.#last ?? 0) ? time : guess;
    return this.#last;
  }

  /** ffmpeg's time, seconds, that counts as 0. */
  get origin(): number {
    return (this.#first ?? 0) / 1e6;
  }

  /** Says that the picture has another size than the file announces; undefined where it has not. */
  get resized(): string | undefined {
    return this.#resized;
  }

  /** Says why the file is taken as damaged or cut short; undefined where it is not. */
  damage(): string | undefined {
    const { streamSeconds, storedFrames } = this.#announced;
    if (this.#problems > 0) return `${this.#problems} problem(s), the first: ${this.#firstProblem}`;
    // the last frame may be shown for long
    if (storedFrames !== undefined && this.#frames >= storedFrames) return undefined;
    const end = (this.#last ?? 0) + 1 / this.#announced.fps;
    if (streamSeconds === undefined || streamSeconds - end <= MISSING_SECONDS) return undefined;
    return `it ends at ${end.toFixed(2)} s, expected ${streamSeconds.toFixed(2)} s`;
  }
}
