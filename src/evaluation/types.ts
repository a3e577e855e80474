/** Types of a tracker's results on a sequence, and of a protocol's scores. */
import type { AnnotatedSequence } from '../datasets/types.js';

/** Results of a tracker on one sequence. */
export interface SequenceResult {
  /** [N, 4]: x, y, w, h of each frame, the first one included. */
  readonly boxes: Float64Array;
  /** 0 to 1, a frame. */
  readonly confidence?: Float64Array | undefined;
  /** Seconds spent on each frame. */
  readonly seconds?: Float64Array | undefined;
}

/** A result beside its truth: what protocols score. */
export interface ScoredSequence extends SequenceResult, Omit<AnnotatedSequence, 'source' | 'start'> {}

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
  /** Name of the sequence. */
  readonly name: string;
  /** Metrics of this sequence alone. */
  readonly metrics: Metrics;
  /** Curves of this sequence alone. */
  readonly curves: Curves;
}

/** Scores of a tracker under a protocol. */
export interface ProtocolScore {
  /** Name of the protocol. */
  readonly protocol: string;
  /** Metrics of the whole set, averaged as the protocol averages. */
  readonly metrics: Metrics;
  /** Curves of the whole set. */
  readonly curves: Curves;
  /** Scores of each sequence. */
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
