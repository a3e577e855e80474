/** ebm-tracker evaluate --submit: packs results for the servers, and looks at packs. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { findDataset } from '../datasets/index.js';
import { pairResults, writeWhole } from '../evaluation/results.js';
import { makePack, type Run } from '../evaluation/submit/pack.js';
import { findServer, type Server } from '../evaluation/submit/servers.js';
import { validatePack } from '../evaluation/submit/validate.js';
import type { AnnotatedSequence } from '../datasets/types.js';
import type { Terminal } from './terminal.js';

export interface SubmitOptions {
  readonly server: string;
  readonly root: string;
  /** The pack is written here, as SERVER.zip. */
  readonly out: string;
  /** One folder a repetition. */
  readonly results: readonly string[];
  /** A pack that is there: it is looked at, nothing is written. */
  readonly check?: string | undefined;
}

/** The pack of a server. */
export const packFile = (out: string, server: string): string => path.join(out, `${server}.zip`);

const MOST_PROBLEMS = 10;

/** @throws TrackerError DATA_INVALID where something is missing or wrong: nothing is written then */
export async function submit(options: SubmitOptions, terminal: Terminal): Promise<void> {
  const { root, out, results, check } = options;
  const server = findServer(options.server);
  const sequences = await readSequences(server, root);
  if (check !== undefined) {
    refuseFaulty(check, validatePack(await readPack(check), server, sequences));
    terminal.stdout.write(`${check}: nothing wrong, ${sequences.length} sequences; ${server.next}\n`);
    return;
  }
  if (results.length > server.mostRuns) {
    throw new TrackerError(
      'OPTION_INVALID',
      `--submit ${server.name}: found ${results.length} runs, expected at most ${server.mostRuns}`,
      { hint: 'name fewer folders with --results, or fewer --seeds' },
    );
  }
  const runs = await Promise.all(results.map((folder) => readRun(folder, server, sequences, root)));
  const names = sequences.map(({ name }) => name);
  const pack = makePack(server, names, runs);
  const file = packFile(out, server.name);
  refuseFaulty(file, validatePack(pack, server, sequences, runs));
  await writeWhole(file, pack);
  terminal.stdout.write(`wrote ${file}: ${names.length} sequences, ${runs.length} run(s); ${server.next}\n`);
}

async function readSequences(server: Server, root: string): Promise<AnnotatedSequence[]> {
  const dataset = findDataset(server.dataset);
  const names = await dataset.list(root);
  if (names.length !== server.sequences) {
    throw new TrackerError(
      'DATA_INVALID',
      `${root}: found ${names.length} sequences of ${dataset.title}, expected ${server.sequences}`,
      { hint: `the whole set is scored; expected layout: ${dataset.layout}` },
    );
  }
  return Promise.all(names.map((name) => dataset.read(root, name)));
}

async function readRun(
  folder: string,
  { dataset }: Server,
  sequences: readonly AnnotatedSequence[],
  root: string,
): Promise<Run> {
  const { scored, missing } = await pairResults(sequences, folder);
  if (missing.length === 0) return new Map(scored.map((result) => [result.name, result]));
  const some = missing.slice(0, 5).join(', ') + (missing.length > 5 ? ' ...' : '');
  throw new TrackerError('DATA_INVALID', `${folder}: ${missing.length} sequences have no result: ${some}`, {
    hint: `ebm-tracker evaluate ${dataset} --root ${root} runs what is missing`,
  });
}

async function readPack(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `${file}: ${messageOf(cause)}`, { hint: 'check the path', cause });
  });
}

/** @throws TrackerError DATA_INVALID naming the first problems */
function refuseFaulty(file: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length - MOST_PROBLEMS;
  const told = problems.slice(0, MOST_PROBLEMS).join('; ') + (more > 0 ? `; and ${more} more` : '');
  throw new TrackerError('DATA_INVALID', `${file}: ${told}`, {
    hint: 'pack the results anew: ebm-tracker evaluate --submit SERVER --root DIR --results RUN',
  });
}
