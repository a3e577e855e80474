/** What a data set gives, what a tracker answers, and what a protocol says of both. */

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** One annotated sequence. */
export interface EvaluationSequence {
  /** Unique in its data set: the name of its result files. */
  readonly name: string;
  /** What openVideo() takes: video file, folder of images, printf pattern. */
  readonly source: string;
  /** Frame of `source` that the first row of `truth` belongs to. */
  readonly start: number;
  /**
   * [N, 4]: x, y, w, h as the annotation files have them (no base is subtracted, as no toolkit does); NaN where the file says NaN.
   * Data sets that publish the first box only (test sets with a server) have N = frames with NaN from the second row on.
   */
  readonly truth: Float64Array;
  /** File of the annotation, where its line i + 1 is row i: for messages. */
  readonly annotation?: string;
  /** [N, 8]: corners x1, y1 ... x4, y4 of sets annotated with polygons; `truth` then holds their axis-aligned boxes. */
  readonly polygons?: Float64Array;
  /** Per frame: the target is absent (full occlusion or out of view). */
  readonly absent?: readonly boolean[];
  /** Pixels of a frame, where the annotation files tell it. */
  readonly size?: ImageSize;
  readonly attributes?: readonly string[];
}

/** What a tracker answered on one sequence. */
export interface SequenceResult {
  /** [N, 4]: x, y, w, h of each frame, the first one included. */
  readonly boxes: Float64Array;
  /** 0 to 1, a frame. */
  readonly confidence?: Float64Array;
  /** Seconds spent on each frame. */
  readonly seconds?: Float64Array;
}

/** A result beside its truth: what protocols score. */
export interface ScoredSequence extends SequenceResult, Omit<EvaluationSequence, 'source' | 'start'> {}

/** Share of frames (0 to 1) at each threshold. */
export interface Curve {
  /** In order. */
  readonly thresholds: readonly number[];
  /** Share at each. */
  readonly values: readonly number[];
}

/** Success over overlap, precision over pixels, precision over normalised distance. */
export type CurveKind = 'success' | 'precision' | 'normPrecision';

/** Scores by name, as fractions of 1 (auc, precision20, normPrecision, op50, op75, ao, sr50, sr75, eao ...). */
export type Metrics = Readonly<Record<string, number>>;
/** Those that the protocol draws. */
export type Curves = Readonly<Partial<Record<CurveKind, Curve>>>;

/** Scores of one sequence. */
export interface SequenceScore {
  /** Of the sequence. */
  readonly name: string;
  /** Of this sequence alone. */
  readonly metrics: Metrics;
  /** Of this sequence alone. */
  readonly curves: Curves;
}

/** What a protocol says of a tracker. */
export interface ProtocolScore {
  /** Name of the protocol. */
  readonly protocol: string;
  /** Over the whole set, averaged as the protocol averages. */
  readonly metrics: Metrics;
  /** Over the whole set. */
  readonly curves: Curves;
  /** One by one. */
  readonly sequences: readonly SequenceScore[];
}

export interface Protocol {
  readonly name: string;
  readonly title: string;
  /** Key of the metric that ranks trackers. */
  readonly headline: string;
  /** It scores runs with restarts, which all others do not. */
  readonly restarts?: true;
  /** Its rules, one sentence each, with sources: what `evaluate --explain` prints. */
  readonly rules: readonly string[];
  /** @throws TrackerError DATA_INVALID naming the sequence where a result cannot be scored */
  score(sequences: readonly ScoredSequence[]): ProtocolScore;
}
