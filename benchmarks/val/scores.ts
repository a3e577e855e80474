/** Scores of the benchmark val: those of evaluate's protocol for plain folders, sequence by sequence. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readProvenance, type Provenance } from '../../src/datasets/footage.js';
import { findDataset } from '../../src/datasets/index.js';
import type { AnnotatedSequence } from '../../src/datasets/types.js';
import { findProtocol } from '../../src/evaluation/protocols/index.js';
import { pairResults } from '../../src/evaluation/results.js';
import type { Metrics, ScoredSequence } from '../../src/evaluation/types.js';
import { seenFile, type Seen } from './worker.js';

/** Data set whose layout, runner and protocol the benchmark has. */
export const DATASET = findDataset('folder');
const PROTOCOL = findProtocol(DATASET.protocol);

export interface SequenceScore {
  readonly sequence: string;
  /** Data set and source of the sequence, as far as its meta.json names them. */
  readonly origin?: string | undefined;
  readonly group?: string | undefined;
  readonly seed: number;
  readonly frames: number;
  readonly auc: number;
  readonly op50: number;
  readonly op75: number;
  readonly msPerFrame: number;
  /** Frames on which the oracle moved the box. */
  readonly moved: number;
  /** Inputs of the confidence, the confidence, and the overlap of each frame with truth; with --figures. */
  readonly figures?: readonly (readonly number[])[];
  readonly boxes?: readonly (readonly number[])[];
}

/** An annotated sequence, and where it comes from. */
export type ValSequence = AnnotatedSequence & Pick<Provenance, 'origin' | 'group'>;

/** @throws TrackerError DATA_INVALID naming the path */
export async function readValSequence(root: string, name: string): Promise<ValSequence> {
  return { ...(await DATASET.read(root, name)), ...(await readProvenance(path.join(root, name))) };
}

/** Scores of one sequence: auc, op50, op75 ... */
export function metricsOf(scored: ScoredSequence): Metrics {
  return PROTOCOL.score([scored]).metrics;
}

/** Scores of a run's folder: of the whole set, and of each sequence that has a result. */
export async function scoreRun(
  sequences: readonly ValSequence[],
  folder: string,
  seed: number,
): Promise<{ metrics: Metrics; scores: SequenceScore[] }> {
  const { scored } = await pairResults(sequences, folder);
  const { metrics, sequences: own } = PROTOCOL.score(scored);
  const scores = scored.map(({ name, boxes, seconds = new Float64Array() }, i): SequenceScore => {
    const { origin, group } = sequences.find((sequence) => sequence.name === name)!;
    const { auc, op50, op75 } = own[i]!.metrics as { auc: number; op50: number; op75: number };
    return {
      sequence: name,
      origin,
      group,
      auc,
      op50,
      op75,
      seed,
      frames: boxes.length / 4,
      msPerFrame: msPerFrame(seconds),
      moved: 0,
    };
  });
  return { metrics, scores };
}

/** Milliseconds of an update(); the first frame, which is another call, is left out. */
export function msPerFrame(seconds: Float64Array): number {
  const updates = seconds.subarray(1);
  return (1000 * updates.reduce((a, b) => a + b, 0)) / Math.max(1, updates.length);
}

/** The same with what was seen of a watched run. */
export async function withSeen(score: SequenceScore, folder: string, figures: boolean): Promise<SequenceScore> {
  const seen = JSON.parse(await readFile(seenFile(folder, score.sequence), 'utf8')) as Seen;
  const moved = { ...score, moved: seen.moved };
  return figures ? { ...moved, figures: seen.figures, boxes: seen.boxes } : moved;
}
