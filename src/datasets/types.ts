/** One annotated sequence, as every layout gives it. */
import type { Size } from '../geometry.js';

export interface AnnotatedSequence {
  /** Unique in its data set: the name of its result files. */
  readonly name: string;
  /** Argument of openVideo(): video file, folder of images, printf pattern. */
  readonly source: string;
  /** Frame of `source` that the first row of `truth` belongs to. */
  readonly start: number;
  /**
   * [N, 4]: x, y, w, h as the annotation files have them (no base is subtracted, as no toolkit does); NaN where the file says NaN.
   * Data sets that publish the first box only (test sets with a server) have N = frames with NaN from the second row on.
   */
  readonly truth: Float64Array;
  /** File of the annotation, where its line i + 1 is row i: for messages. */
  readonly annotation?: string | undefined;
  /** [N, 8]: corners x1, y1 ... x4, y4 of sets annotated with polygons; `truth` then holds their axis-aligned boxes. */
  readonly polygons?: Float64Array | undefined;
  /** Per frame: the target is absent (full occlusion or out of view). */
  readonly absent?: readonly boolean[] | undefined;
  /** Pixels of a frame, where the annotation files tell it. */
  readonly size?: Size | undefined;
  readonly attributes?: readonly string[] | undefined;
}
