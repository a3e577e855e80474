/** A benchmark from a folder to scores: runs what is missing, then scores it. */
import path from 'node:path';
import { DEFAULT_SEED, type TrackerOptions } from '../config.js';
import { findDataset } from '../datasets/index.js';
import { findProtocol } from './protocols/index.js';
import { pairResults } from './results.js';
import { runEvaluation, type EvaluationProgress, type Failure } from './runner.js';
import type { ProtocolScore } from './types.js';

/** Everything but the data set and its folder may be left out. */
export interface EvaluateOptions {
  /** Name of a data set that `ebm-tracker evaluate` knows; `folder` for NAME/groundtruth.txt beside NAME/video.mp4 or NAME/img/. */
  readonly dataset: string;
  /** Folder of the data set as it was unpacked. */
  readonly root: string;
  /** Results go to OUT/TRACKER/DATASET/seed-N; the same call goes on where it stopped. Default: results. */
  readonly out?: string;
  /** Default: the data set's own. */
  readonly protocol?: string;
  /** One run a seed. Default: 11. */
  readonly seeds?: readonly number[];
  /** Only these sequences. */
  readonly only?: readonly string[];
  /** Module of another tracker: exports createTracker(options) with init and update. */
  readonly tracker?: string;
  /** Options of the tracker; the run sets seed and threads. */
  readonly config?: TrackerOptions;
  /** Processes. Default: one a core. */
  readonly workers?: number;
  /** Threads of each process. Default: cores shared out. */
  readonly threads?: number;
  /** Aborted: it ends with INTERRUPTED; finished sequences are kept. */
  readonly signal?: AbortSignal;
  /** Told of each frame and of each sequence that has ended. */
  readonly onProgress?: (progress: EvaluationProgress) => void;
}

/** Scores of one run. */
export interface SeedScore {
  /** Seed of the run. */
  readonly seed: number;
  /** Folder of its result files. */
  readonly folder: string;
  /** Scores under the protocol, of the set and of each sequence. */
  readonly score: ProtocolScore;
}

/** Result of evaluate(). */
export interface EvaluateResult {
  /** One a seed; a run without a single result has none. */
  readonly runs: readonly SeedScore[];
  /** Sequences that could not be run. */
  readonly failed: readonly Failure[];
}

/** Folder of results where none is named. */
export const RESULTS = 'results';

/** Name of a tracker in result folders. */
export const trackerName = (module: string | undefined): string =>
  module === undefined ? 'ebm-tracker' : path.parse(module).name;

/**
 * Runs a tracker over a data set in processes of their own, and scores it.
 * @throws TrackerError OPTION_INVALID (data set, protocol, sequence), CONFIG_INVALID, DATA_INVALID (no sequence), INTERRUPTED where the
 *   signal was aborted; faults of single sequences come back in `failed`
 * @example
 * ```ts
 * const { runs } = await evaluate({ dataset: 'folder', root: 'my-sequences' });
 * console.log(runs[0].score);
 * ```
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluateResult> {
  const { dataset, root, out = RESULTS, seeds = [DEFAULT_SEED], only, tracker, config = {} } = options;
  const { workers, threads, signal, onProgress } = options;
  const set = findDataset(dataset);
  const protocol = findProtocol(options.protocol ?? set.protocol);
  const { seed: _, threads: __, ...settings } = config;
  const { folders, failed } = await runEvaluation({
    dataset,
    root,
    out,
    tracker: trackerName(tracker),
    config: settings,
    seeds,
    command: 'evaluate() of the library',
    module: tracker === undefined ? undefined : path.resolve(tracker),
    only,
    workers,
    threads,
    signal,
    onProgress,
  });
  const names = only ?? (await set.list(root));
  const runs: SeedScore[] = [];
  for (const [index, folder] of folders.entries()) {
    const seed = seeds[index]!;
    const lost = new Set(failed.filter((failure) => failure.seed === seed).map(({ sequence }) => sequence));
    const truth = await Promise.all(names.filter((name) => !lost.has(name)).map((name) => set.read(root, name)));
    const { scored } = await pairResults(truth, folder);
    if (scored.length > 0) runs.push({ seed, folder, score: protocol.score(scored) });
  }
  return { runs, failed };
}
