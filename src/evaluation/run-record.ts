/** run.json: what made the result files of a folder. */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256Of } from '../hash.js';
import type { TrackerOptions } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import { findDataset } from '../datasets/index.js';
import { hasSequenceResult, readSequenceResult, writeWhole } from './results.js';
import { findBackbone, loadManifest, openHead, parseConfig, publishedFileOf } from '../node/open.js';

export interface RunRecord {
  readonly tracker: string;
  readonly dataset: string;
  /** Protocol that the data set's published scores use. */
  readonly protocol: string;
  readonly seed: number;
  readonly config: TrackerOptions;
  /** sha256 of everything that decides the boxes: configuration, weights, tracker module. */
  readonly identity: string;
  readonly weights?: { readonly head: string; readonly backbone: string } | undefined;
  readonly command: string;
  readonly commit?: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
  /** Processor, or "queue"; with the execution providers once sequences have told them. */
  readonly device: string;
  /** Threads of each worker on this machine; left out where a queue's workers run it. */
  readonly threads?: number | undefined;
  readonly workers?: number | undefined;
  /** ISO 8601. */
  readonly started: string;
  /** End of the last session that ran a sequence; ISO 8601. */
  readonly finished?: string;
  /** Sequences with a result, their frames, and the tracker's milliseconds a frame over all of them. */
  readonly sequences?: number;
  readonly frames?: number;
  readonly msPerFrame?: number | undefined;
}

/** Hashes of all that decides the boxes on one machine, seed and footage aside: sha256 each. */
export interface TrackerHashes {
  readonly version: string;
  /** sha256 of the whole configuration, defaults included; seed and threads left out. */
  readonly config: string;
  readonly head?: string | undefined;
  readonly backbone?: string | undefined;
  /** sha256 of the tracker module's file. */
  readonly module?: string | undefined;
}

/** Device, threads and workers of a run. */
export interface RunPlace {
  /** Name of the device; left out: this machine's processor. */
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
  readonly workers?: number | undefined;
}

export interface RunKey extends RunPlace {
  readonly tracker: string;
  readonly dataset: string;
  readonly seed: number;
  readonly options: TrackerOptions;
  readonly module?: string | undefined;
  readonly command: string;
}

/** @throws TrackerError MODEL_MISSING, MODEL_INVALID, CONFIG_INVALID */
export async function makeRecord(key: RunKey): Promise<RunRecord> {
  const { seed, threads: _, ...config } = parseConfig({ ...key.options, seed: key.seed });
  const weights = key.module === undefined ? await findWeights(key.options) : undefined;
  const code = key.module === undefined ? '' : await readModule(key.module);
  const identity = sha256Of(JSON.stringify({ seed, config, weights, code }));
  const commit = await readCommit();
  return {
    tracker: key.tracker,
    dataset: key.dataset,
    protocol: findDataset(key.dataset).protocol,
    seed: key.seed,
    config: key.options,
    identity,
    weights,
    command: key.command,
    commit,
    versions: await readVersions(),
    device: key.device ?? processorName(),
    threads: key.threads,
    workers: key.workers,
    started: new Date().toISOString(),
  };
}

export function processorName(): string {
  return cpus()[0]?.model ?? 'unknown';
}

/** @throws TrackerError MODEL_MISSING, MODEL_INVALID, CONFIG_INVALID */
export async function hashTracker(options: TrackerOptions, module?: string): Promise<TrackerHashes> {
  const { seed: _, threads: __, ...config } = parseConfig(options);
  const { 'ebm-tracker': version } = await readVersions();
  return {
    version: version!,
    config: sha256Of(JSON.stringify(config)),
    ...(module === undefined ? await findWeights(options) : { module: sha256Of(await readModule(module)) }),
  };
}

/** '' where it is not there: the fault is told where it is loaded. */
const readModule = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

async function findWeights(options: TrackerOptions): Promise<{ head: string; backbone: string }> {
  const imported = await publishedFileOf(options);
  if (imported !== undefined) {
    const hash = sha256Of(await readFile(imported));
    return { head: hash, backbone: hash };
  }
  const manifest = await loadManifest(options.manifest);
  const head = await openHead(manifest, options.head);
  const { precision } = parseConfig(options);
  return { head: head.sha256, backbone: (await findBackbone(manifest, head.backbone, precision)).sha256 };
}

/**
 * Begins or goes on with a run folder: run.json is written where there is none.
 * @throws TrackerError OPTION_INVALID where the folder holds results of another configuration or other weights
 */
export async function claimFolder(folder: string, record: RunRecord): Promise<void> {
  const file = path.join(folder, 'run.json');
  const found = await readRunRecord(folder);
  if (found === undefined) {
    await writeWhole(file, `${JSON.stringify(record, undefined, 1)}\n`);
    return;
  }
  const identity = String(found['identity']);
  if (identity === record.identity) return;
  const [theirs, ours] = [identity, record.identity].map((hash) => hash.slice(0, 12));
  throw new TrackerError(
    'OPTION_INVALID',
    `${file}: made with other settings or weights, found ${theirs}, expected ${ours}`,
    {
      hint: 'name another --out, or remove that folder to run it anew',
    },
  );
}

/** Files that a run writes into its folder beside results. */
export function recordFiles(folder: string): string[] {
  return ['run.json', 'failed.json'].map((name) => path.join(folder, name));
}

/** run.json of a folder as it stands; undefined where there is none. @throws TrackerError DATA_INVALID where it is no JSON object */
export async function readRunRecord(folder: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const file = path.join(folder, 'run.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new TrackerError('DATA_INVALID', `${file}: ${messageOf(cause)}`, {
      hint: 'remove that file, or the folder',
      cause,
    });
  }
  throw new TrackerError('DATA_INVALID', `${file}: expected a JSON object, found ${text.slice(0, 40)}`, {
    hint: 'remove that file, or the folder',
  });
}

/**
 * Writes into run.json what is known once the sequences have ended: times and frames of all results in the folder, of earlier
 * sessions too.
 * @param names sequences of the run @param providers execution providers that were told
 */
export async function closeRecord(
  folder: string,
  names: readonly string[],
  providers: ReadonlySet<string>,
): Promise<void> {
  const file = path.join(folder, 'run.json');
  const record = JSON.parse(await readFile(file, 'utf8')) as RunRecord;
  const { sequences, frames, seconds } = await sumTimes(folder, names);
  const told = [record.device.split(';')[0]!, ...[...providers].toSorted()].join('; ');
  const closed: RunRecord = {
    ...record,
    device: providers.size > 0 ? told : record.device,
    finished: new Date().toISOString(),
    sequences,
    frames,
    msPerFrame: frames > 0 ? Number(((1000 * seconds) / frames).toFixed(3)) : undefined,
  };
  await writeWhole(file, `${JSON.stringify(closed, undefined, 1)}\n`);
}

async function sumTimes(
  folder: string,
  names: readonly string[],
): Promise<{ sequences: number; frames: number; seconds: number }> {
  let sequences = 0;
  let frames = 0;
  let seconds = 0;
  for (const name of names) {
    if (!(await hasSequenceResult(folder, name))) continue;
    const times = (await readSequenceResult(folder, name)).seconds ?? new Float64Array();
    sequences++;
    frames += times.length;
    seconds += times.reduce((a, b) => a + b, 0);
  }
  return { sequences, frames, seconds };
}

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Commit of a checkout; undefined in an installed package. */
async function readCommit(): Promise<string | undefined> {
  const git = path.join(PROJECT, '.git');
  const head = await readFile(path.join(git, 'HEAD'), 'utf8').catch(() => '');
  const [, reference] = /^ref: (\S+)/.exec(head) ?? [];
  if (reference === undefined) return /^[0-9a-f]{40}/.exec(head)?.[0];
  return readFile(path.join(git, reference), 'utf8').then(
    (hash) => hash.trim(),
    () => undefined,
  );
}

async function readVersions(): Promise<Record<string, string>> {
  const read = async (file: string): Promise<string> =>
    (JSON.parse(await readFile(path.join(PROJECT, file), 'utf8')) as { version: string }).version;
  const own = await read('package.json');
  const onnx = await read('node_modules/onnxruntime-node/package.json').catch(() => 'installed elsewhere');
  return { 'ebm-tracker': own, node: process.version, 'onnxruntime-node': onnx };
}
