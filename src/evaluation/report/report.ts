/** Report of one or several trackers on one data set, before it becomes a page or a table. */
import { areaUnderRoc, binsOf, calibrationError, claimsOf } from '../calibration.js';
import type { CurveKind, Curves, Metrics, Protocol, ProtocolScore, ScoredSequence } from '../types.js';

export interface TrackerInput {
  readonly name: string;
  readonly score: ProtocolScore;
  readonly scored: readonly ScoredSequence[];
  /** run.json, where there is one. */
  readonly run?: Readonly<Record<string, unknown>> | undefined;
}

export interface TrackerReport {
  readonly name: string;
  readonly metrics: Metrics;
  readonly curves: Curves;
  /** Mean of the headline metric over the sequences with each attribute; those of one sequence only are left out. */
  readonly attributes: Readonly<Record<string, number>>;
  readonly reliability?: Reliability | undefined;
  readonly run?: Readonly<Record<string, unknown>> | undefined;
}

/** How often boxes of some confidence overlap the truth by more than a half. */
export interface Reliability {
  /** Ten bins of confidence: mean confidence, share right, frames. */
  readonly bins: readonly { readonly confidence: number; readonly right: number; readonly frames: number }[];
  /** Mean distance of confidence from share right, weighed by frames. */
  readonly expectedError: number;
  /** Area under ROC of "overlap > 0.5"; undefined where all frames are right, or none. */
  readonly areaUnderRoc?: number | undefined;
}

export interface SequenceRow {
  readonly name: string;
  readonly frames: number;
  /** Headline metric of each tracker; undefined where it has no result. */
  readonly values: readonly (number | undefined)[];
}

export interface Report {
  readonly title: string;
  readonly protocol: { readonly name: string; readonly title: string; readonly rules: readonly string[] };
  readonly headline: string;
  readonly trackers: readonly TrackerReport[];
  /** The first tracker's worst first. */
  readonly sequences: readonly SequenceRow[];
  /** Frames a second of each tracker, by its time files; apart from the rest, since it differs from run to run. */
  readonly speed: Readonly<Record<string, number>>;
}

export function buildReport(title: string, protocol: Protocol, inputs: readonly TrackerInput[]): Report {
  const { headline } = protocol;
  const speed = inputs.flatMap(({ name, scored }) => {
    const fps = framesPerSecond(scored);
    return fps === undefined ? [] : [[name, fps] as const];
  });
  return {
    title,
    protocol: { name: protocol.name, title: protocol.title, rules: protocol.rules },
    headline,
    trackers: inputs.map((input) => describe(input, headline)),
    sequences: rowsOf(inputs, headline),
    speed: Object.fromEntries(speed),
  };
}

function describe({ name, score, scored, run }: TrackerInput, headline: string): TrackerReport {
  return {
    name,
    metrics: score.metrics,
    curves: score.curves,
    attributes: byAttribute(score, scored, headline),
    reliability: reliabilityOf(scored),
    run,
  };
}

function byAttribute(
  score: ProtocolScore,
  scored: readonly ScoredSequence[],
  headline: string,
): Record<string, number> {
  const values = new Map(score.sequences.map(({ name, metrics }) => [name, metrics[headline]!]));
  const groups = new Map<string, number[]>();
  for (const { name, attributes = [] } of scored) {
    for (const attribute of attributes) groups.set(attribute, [...(groups.get(attribute) ?? []), values.get(name)!]);
  }
  const several = [...groups].filter(([, group]) => group.length > 1).toSorted(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(
    several.map(([attribute, group]) => [attribute, group.reduce((a, b) => a + b, 0) / group.length]),
  );
}

function rowsOf(inputs: readonly TrackerInput[], headline: string): SequenceRow[] {
  const values = inputs.map(
    ({ score }) => new Map(score.sequences.map(({ name, metrics }) => [name, metrics[headline]])),
  );
  const frames = new Map(
    inputs.flatMap(({ scored }) => scored.map(({ name, truth }) => [name, truth.length / 4] as const)),
  );
  const rows = [...frames].map(([name, count]) => ({
    name,
    frames: count,
    values: values.map((one) => one.get(name)),
  }));
  return rows.toSorted((a, b) => (a.values[0] ?? 0) - (b.values[0] ?? 0) || a.name.localeCompare(b.name));
}

/** Frames of all time files over their sum; the first frame, which opens the networks' work, is left out. */
function framesPerSecond(scored: readonly ScoredSequence[]): number | undefined {
  let frames = 0;
  let spent = 0;
  for (const { seconds } of scored) {
    for (let i = 1; i < (seconds?.length ?? 0); i++) {
      frames++;
      spent += seconds![i]!;
    }
  }
  return spent > 0 ? frames / spent : undefined;
}

/** Undefined where no tracker told a confidence. */
function reliabilityOf(scored: readonly ScoredSequence[]): Reliability | undefined {
  const claims = claimsOf(scored);
  if (claims.confidence.length === 0) return undefined;
  const bins = binsOf(claims);
  return {
    bins: bins.map(({ weight, ...bin }) => ({ ...bin, frames: weight })),
    expectedError: calibrationError(bins),
    areaUnderRoc: areaUnderRoc(claims),
  };
}

export const CURVE_TITLES: Readonly<Record<CurveKind, string>> = {
  success: 'Success: share of frames with overlap above',
  precision: 'Precision: share of frames with the centre within, pixels',
  normPrecision: 'Normalised precision: centre within, of the box',
};

/** Summary of the reliability plot, in words. */
export function reliabilityFigures({ expectedError, areaUnderRoc: area }: Reliability): string {
  return `Expected calibration error ${expectedError.toFixed(3)}, area under ROC ${area === undefined ? '-' : area.toFixed(3)}`;
}

/** A fraction in percent with two decimals, as all forms of the report write it. */
export function percent(value: number | undefined): string {
  return value === undefined ? '-' : (100 * value).toFixed(2);
}

/** Metrics that any tracker has, the headline first. */
export function metricKeys({ trackers, headline }: Report): string[] {
  const keys = trackers.flatMap(({ metrics }) => Object.keys(metrics));
  return [...new Set([headline, ...keys])];
}
