/** Reads the log of a decoding ffmpeg: the time of each frame, and what went wrong. */

/** What showinfo says of a frame; the filters before it make the unit microseconds. */
const FRAME_LINE = /\[Parsed_showinfo_.*\] n: *\d+ pts: *(NOPTS|-?\d+)/;
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

export class DecodeLog {
  readonly #frameSeconds: number;
  /** Microseconds, of the frames that were not asked for yet: few, ffmpeg waits for its reader. */
  readonly #pending: number[] = [];
  #closed = false;
  #wake: () => void = () => {};
  #first: number | undefined;
  #last: number | undefined;
  #problems = 0;
  #firstProblem = '';

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
      this.#pending.push(Number(frame[1]));
      this.#wake();
    }
    const said = PROBLEM_LINE.exec(line) ?? PART_MISSING.exec(line);
    const problem = said?.[1] ?? (frame ? PROBLEM_WITHIN.exec(line)?.[0] : undefined);
    if (problem === undefined || HARMLESS.test(problem)) return;
    if (this.#problems++ === 0) this.#firstProblem = problem.trim();
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
    const stamp = this.#pending.shift() ?? Number.NaN; // Number('NOPTS') is NaN too
    this.#first ??= Number.isNaN(stamp) ? 0 : stamp;
    const time = (stamp - this.#first) / 1e6;
    const guess = this.#last === undefined ? 0 : this.#last + this.#frameSeconds;
    this.#last = time >= (this.#last ?? 0) ? time : guess;
    return this.#last;
  }

  /** What shows that the file is not whole. @param duration seconds that the video should last */
  damage(duration: number | undefined): string | undefined {
    if (this.#problems > 0) return `${this.#problems} problem(s), the first: ${this.#firstProblem}`;
    const end = (this.#last ?? 0) + this.#frameSeconds;
    if (duration === undefined || duration - end <= MISSING_SECONDS) return undefined;
    return `it ends at ${end.toFixed(2)} s, expected ${duration.toFixed(2)} s`;
  }
}
