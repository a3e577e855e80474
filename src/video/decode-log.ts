/** Reads the log of a decoding ffmpeg: the time of each frame, and what went wrong. */

/** What showinfo says of a frame; the filters before it make the unit microseconds. */
const FRAME_LINE = /\[Parsed_showinfo_.*\] n: *\d+ pts: *(NOPTS|-?\d+)/;
/** Said where the decoder's first frame, or one of another size, comes to the filters. */
const SIZE_LINE = /\[graph -?\d+ input from stream .*\] w:(\d+) h:(\d+) /;
const PROBLEM_LINE = /\[(?:error|fatal|panic)\] (.*)/;
/** showinfo writes its line in pieces: what a decoder's thread says meanwhile stands in the middle of it, without its level. */
const PROBLEM_WITHIN = /\b(?:error while|invalid|corrupt|concealing|missing|truncat|non-existing|illegal).*/i;
/** Said where two frames have one time: it is about the raw output, which has no times. */
const HARMLESS = /dts to muxer/;
/** A stream that ends this many seconds before it should is cut off. */
const MISSING_SECONDS = 0.5;

/** What the file announces. */
export interface Announced {
  /** Seconds that the video stream lasts. */
  readonly streamSeconds: number | undefined;
  /** Frames that it stores. */
  readonly storedFrames: number | undefined;
}

export class DecodeLog {
  readonly #frameSeconds: number;
  /** Microseconds, of the frames that were not asked for yet: few, ffmpeg waits for its reader. */
  readonly #pending: number[] = [];
  #closed = false;
  #wake: () => void = () => {};
  #first: number | undefined;
  #last: number | undefined;
  #frames = 0;
  #problems = 0;
  #firstProblem = '';
  #size: string | undefined;
  #resized: string | undefined;

  /**
   * @param frameSeconds how long a frame lasts where the file does not tell
   * @param origin ffmpeg's time, seconds, that counts as 0; left out: the first frame's
   */
  constructor(frameSeconds: number, origin?: number) {
    this.#frameSeconds = frameSeconds;
    if (origin !== undefined) this.#first = origin * 1e6;
  }

  read(line: string): void {
    const frame = FRAME_LINE.exec(line);
    if (frame) {
      this.#frames++;
      this.#pending.push(Number(frame[1]));
      this.#wake();
    } else this.#readSize(line);
    const problem = PROBLEM_LINE.exec(line)?.[1] ?? (frame ? PROBLEM_WITHIN.exec(line)?.[0] : undefined);
    if (problem === undefined || HARMLESS.test(problem)) return;
    if (this.#problems++ === 0) this.#firstProblem = problem.trim();
  }

  #readSize(line: string): void {
    const [, width, height] = SIZE_LINE.exec(line) ?? [];
    if (width === undefined) return;
    const size = `${width} x ${height}`;
    this.#size ??= size;
    if (size !== this.#size) this.#resized ??= `from frame ${this.#frames} on it is ${size}, before that ${this.#size}`;
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
    const guess = this.#last === undefined ? 0 : this.#last + this.#frameSeconds;
    this.#last = time >= (this.#last ?? 0) ? time : guess;
    return this.#last;
  }

  /** ffmpeg's time, seconds, that counts as 0. */
  get origin(): number {
    return (this.#first ?? 0) / 1e6;
  }

  /** Where the picture changes its size, and from what to what; undefined where it keeps it. */
  get resized(): string | undefined {
    return this.#resized;
  }

  /** What shows that the file is not whole. */
  damage({ streamSeconds, storedFrames }: Announced): string | undefined {
    if (this.#problems > 0) return `${this.#problems} problem(s), the first: ${this.#firstProblem}`;
    // the last frame may be shown for long
    if (storedFrames !== undefined && this.#frames >= storedFrames) return undefined;
    const end = (this.#last ?? 0) + this.#frameSeconds;
    if (streamSeconds === undefined || streamSeconds - end <= MISSING_SECONDS) return undefined;
    return `it ends at ${end.toFixed(2)} s, expected ${streamSeconds.toFixed(2)} s`;
  }
}
