/** ebm-tracker evaluate: scores under the protocols of the benchmarks. */
import path from 'node:path';
import type { Command } from 'commander';
import { TrackerError } from '../errors.js';
import { DATASETS, detectDatasets, findDataset, type Dataset } from '../datasets/index.js';
import { DEFAULT_SEED } from '../config.js';
import { RESULTS, trackerName } from '../evaluation/evaluate.js';
import { findProtocol, PROTOCOLS } from '../evaluation/protocols/index.js';
import { isRestartRun } from '../evaluation/protocols/vot-restarts.js';
import { oddLengths, pairResults, readTruthFolder, type Annotated } from '../evaluation/results.js';
import { filmFailures, type Footage } from '../evaluation/report/film.js';
import { buildReport, type TrackerInput } from '../evaluation/report/report.js';
import { reportFiles, writeReport } from '../evaluation/report/write.js';
import { runFolder } from '../evaluation/run-plan.js';
import { readRunRecord, recordFiles } from '../evaluation/run-record.js';
import { enqueueEvaluation } from '../evaluation/queue.js';
import { runEvaluation, type EvaluationSummary } from '../evaluation/runner.js';
import type { AnnotatedSequence } from '../datasets/types.js';
import type { Protocol, ProtocolScore, ScoredSequence } from '../evaluation/types.js';
import { findServer, SERVERS } from '../evaluation/submit/servers.js';
import { keepInputs, type Input, type Output } from '../files/keep-inputs.js';
import { listenForInterrupt } from './interrupt.js';
import { addConfigOptions, configOf } from './config-options.js';
import { optionalWhole, parseWhole, resolveHead, WORKER_THREADS_OPTION, WORKERS_OPTION } from './options.js';
import { checkFit, fitImported } from './fit-confidence.js';
import { createRunProgress } from './run-progress.js';
import { packFile, submit, type SubmitOptions } from './submit.js';
import type { Terminal } from './terminal.js';

interface EvaluateOptions {
  root?: string;
  out: string;
  list?: true;
  tracker?: string;
  head?: string;
  seeds: string;
  only?: string;
  workers?: string;
  threads?: string;
  preset?: string;
  queue?: string;
  config?: string;
  protocol?: string;
  explain?: string;
  results?: string[];
  report?: string;
  fitConfidence?: string;
  submit?: string;
  check?: string;
  truth?: string;
  absent?: string;
  json?: true;
  quiet?: true;
}

// oxlint-disable-next-line max-lines-per-function -- a table of options, one after the other
export function addEvaluateCommand(program: Command, terminal: Terminal, setExitCode: (code: number) => void): void {
  const command = program
    .command('evaluate')
    .description('run a benchmark, or score result files, under the protocols of the benchmarks')
    .argument('[dataset]', DATASETS.map(({ name }) => name).join(', '))
    .option('--root <dir>', 'folder of the data set as it was unpacked')
    .option('--list', 'show which data sets are found below --root')
    .option(
      '--out <dir>',
      'results go to OUT/TRACKER/DATASET/seed-N; the same command goes on where it stopped',
      RESULTS,
    )
    .option('--tracker <file>', 'module of another tracker: exports createTracker(options) with init and update')
    .option('--seeds <list>', 'one run a seed', String(DEFAULT_SEED))
    .option('--only <list>', 'only these sequences')
    .option(...WORKERS_OPTION)
    .option(...WORKER_THREADS_OPTION)
    .option('--queue <url>', 'run on the workers of a queue, redis://host:port (see ebm-tracker worker)')
    .option(
      '--protocol <name>',
      `${PROTOCOLS.map(({ name }) => name).join(', ')}, or all (default: the data set's own)`,
    )
    .option('--explain <protocol>', 'print the rules of a protocol')
    .option(
      '--results <dirs...>',
      'score these results: SEQ.txt with x,y,w,h a frame (those of other toolkits are read too)',
    )
    .option('--truth <dir>', 'annotations for --results: SEQ.txt with x,y,w,h a frame (or DATASET and --root)')
    .option('--absent <dir>', 'flags of absence for --truth: SEQ.txt with 1 where the target is absent')
    .option(
      '--report <dir>',
      'write report.html, .md, .json and .csv: tables, plots, sequences worst first, several trackers side by side',
    )
    .option(
      '--fit-confidence <file>',
      'with an imported --head: write a copy of it (.safetensors) whose confidence is fitted to these results',
    )
    .option(
      '--submit <server>',
      `pack the results of all --seeds, or of --results, for a server (OUT/SERVER.zip): ${SERVERS.map(({ name }) => name).join(', ')}`,
    )
    .option('--check <zip>', 'with --submit: only look at a pack that is there')
    .option('--json', 'scores as JSON, in percent with two decimals')
    .option('--quiet', 'no progress');
  addConfigOptions(command, 'preset', 'head', 'config').action(
    async (dataset: string | undefined, options: EvaluateOptions) => {
      await checkFiles(dataset, options);
      if (options.explain !== undefined) {
        terminal.stdout.write(explain(findProtocol(options.explain)));
      } else if (options.list) {
        terminal.stdout.write(await listDatasets(need(options.root, '--root DIR')));
      } else if (options.submit !== undefined) {
        await submit(submitOptions(options.submit, options), terminal);
      } else if (options.results !== undefined && dataset === undefined) {
        const truth = await readTruthFolder(need(options.truth, '--truth DIR'), options.absent);
        setExitCode(await scoreFolders(truth, options.results, options.protocol ?? 'ope', options, terminal));
      } else {
        const set = findDataset(
          need(dataset, 'a data set, or --results DIR --truth DIR, --list or --explain PROTOCOL'),
        );
        setExitCode(await evaluateDataset(set, need(options.root, '--root DIR'), options, terminal));
      }
    },
  );
}

/** @throws TrackerError OPTION_INVALID where something that is read would be written */
async function checkFiles(dataset: string | undefined, options: EvaluateOptions): Promise<void> {
  const { out, tracker, seeds, report, submit: server, config, head, truth, absent, results = [] } = options;
  const { fitConfidence: fitted } = options;
  if (fitted !== undefined) await checkFit(head, fitted);
  const runs = dataset === undefined || results.length > 0 ? [] : parseSeeds(seeds);
  const folders = runs.map((seed) => runFolder(out, trackerName(tracker), dataset!, seed));
  const outputs: Output[] = [
    ...folders.flatMap(recordFiles).map((file) => ({ what: '--out', path: file })),
    ...(report === undefined ? [] : reportFiles(report)).map((file) => ({ what: '--report', path: file })),
    ...(server === undefined ? [] : [{ what: '--submit', path: packFile(out, server) }]),
    ...(fitted === undefined ? [] : [{ what: '--fit-confidence', path: fitted }]),
  ];
  const files = { configuration: config, weights: head && (await resolveHead(head)), tracker };
  const texts = [truth, absent, ...results].filter((folder) => folder !== undefined);
  await keepInputs(outputs, [
    ...Object.entries(files).flatMap(([what, path]) => (path === undefined ? [] : [{ what: `the ${what}`, path }])),
    ...texts.map((path): Input => ({ what: 'the boxes', path, takes: (name) => name.endsWith('.txt') })),
  ]);
}

/** @throws TrackerError OPTION_INVALID where it is not given */
function need(value: string | undefined, what: string): string {
  if (value !== undefined) return value;
  throw new TrackerError('OPTION_INVALID', `evaluate: expected ${what}`, { hint: 'ebm-tracker evaluate --help' });
}

/** Without --results the folders that a run of evaluate writes. */
function submitOptions(server: string, { root, out, tracker, seeds, results, check }: EvaluateOptions): SubmitOptions {
  const { dataset } = findServer(server);
  const folders = parseSeeds(seeds).map((seed) => runFolder(out, trackerName(tracker), dataset, seed));
  return { server, root: need(root, '--root DIR'), out, results: results ?? folders, check };
}

const parseSeeds = (seeds: string): number[] => seeds.split(',').map((seed) => parseWhole('--seeds', seed));

async function listDatasets(root: string): Promise<string> {
  const found = await detectDatasets(root);
  if (found.length === 0) {
    throw new TrackerError('INPUT_NOT_FOUND', `${root}: no data set found`, {
      hint: `known layouts: ${DATASETS.map(({ name, layout }) => `${name}: ${layout}`).join('; ')}`,
    });
  }
  const rows = found.map(({ dataset, sequences }) => [
    dataset.name,
    String(sequences),
    dataset.protocol,
    dataset.title,
  ]);
  return alignColumns([['data set', 'sequences', 'protocol', 'title'], ...rows]);
}

/** Runs what is missing, unless --results names finished ones, and scores. @returns 1 where a sequence failed or has no result */
async function evaluateDataset(
  dataset: Dataset,
  root: string,
  options: EvaluateOptions,
  terminal: Terminal,
): Promise<0 | 1> {
  const protocol = options.protocol ?? dataset.protocol;
  if (protocol !== 'all') findProtocol(protocol); // a wrong name is told before the hours of work, not after
  const only = options.only?.split(',');
  const names = only ?? (await dataset.list(root));
  const read = async (some: readonly string[]): Promise<AnnotatedSequence[]> =>
    Promise.all(some.map((name) => dataset.read(root, name)));
  if (options.results !== undefined) {
    return scoreFolders(await read(names), options.results, protocol, options, terminal);
  }
  const summary = await run(dataset, root, options, only, terminal);
  for (const { sequence, seed, code, message, hint } of summary.failed) {
    terminal.stderr.write(`failed ${sequence} (seed ${seed}): ${code}: ${message}; ${hint}\n`);
  }
  const failed = new Set(summary.failed.map(({ sequence }) => sequence));
  const ended = names.filter((name) => !failed.has(name)); // read only now: annotations of a failed one may be its fault
  if (ended.length === 0) return 1;
  const exit = await scoreFolders(await read(ended), summary.folders, protocol, options, terminal);
  return failed.size > 0 ? 1 : exit;
}

async function run(
  dataset: Dataset,
  root: string,
  options: EvaluateOptions,
  only: string[] | undefined,
  terminal: Terminal,
): Promise<EvaluationSummary> {
  const { tracker, workers, threads, queue, preset, head } = options;
  const progress = createRunProgress(terminal.stderr, options.quiet === true);
  const interrupt = listenForInterrupt();
  try {
    const { seed: _, threads: __, ...config } = await configOf({ preset, head, config: options.config });
    const asked = {
      dataset: dataset.name,
      root,
      out: options.out,
      tracker: trackerName(tracker),
      module: tracker === undefined ? undefined : path.resolve(tracker),
      config,
      seeds: parseSeeds(options.seeds),
      only,
      command: `ebm-tracker evaluate ${process.argv.slice(3).join(' ')}`,
      signal: interrupt.signal,
      onProgress: progress.update,
    };
    if (queue !== undefined) {
      refuseWithQueue({ '--workers': workers, '--threads': threads });
      return await enqueueEvaluation(queue, asked);
    }
    return await runEvaluation({
      ...asked,
      workers: optionalWhole('--workers', workers),
      threads: optionalWhole('--threads', threads),
    });
  } finally {
    progress.end();
    interrupt.end();
  }
}

/** @throws TrackerError OPTION_INVALID where one is given: each worker of a queue has its own */
function refuseWithQueue(options: Readonly<Record<string, string | undefined>>): void {
  const given = Object.keys(options).find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new TrackerError('OPTION_INVALID', `evaluate --queue: found ${given}, which is a setting of the workers`, {
    hint: `start the workers with ebm-tracker worker ${given} N`,
  });
}

/** Scores one folder a tracker, and reports them side by side. @returns 1 where a sequence has no result, else 0 */
async function scoreFolders(
  truth: readonly (Annotated & Partial<Footage>)[],
  folders: readonly string[],
  name: string,
  options: EvaluateOptions,
  terminal: Terminal,
): Promise<0 | 1> {
  const { json, report, fitConfidence: fitted } = options;
  const inputs: TrackerInput[] = [];
  const records: unknown[] = [];
  let exit: 0 | 1 = 0;
  let protocol: Protocol | undefined;
  for (const folder of folders) {
    const { scored, missing } = await pairResults(truth, folder);
    if (scored.length === 0) {
      throw new TrackerError(
        'INPUT_NOT_FOUND',
        `results ${folder}: no file of any of the ${missing.length} sequences`,
        {
          hint: 'result files are named like the sequences: SEQ.txt',
        },
      );
    }
    if (missing.length > 0) {
      const all = scored.length + missing.length;
      terminal.stderr.write(
        `warning: ${folder}: ${missing.length} of ${all} sequences have no result: ${missing.join(', ')}\n`,
      );
      exit = 1;
    }
    tellLengths(folder, oddLengths(scored), terminal);
    const protocols = protocolsFor(name, scored, folder);
    const scores = protocols.map((protocol) => protocol.score(scored));
    if (!json) terminal.stdout.write(`${folder}\n${scoreTable(scores)}`);
    records.push(
      ...scores.map((score) => (folders.length > 1 ? { results: folder, ...toRecord(score) } : toRecord(score))),
    );
    const record = await readRunRecord(folder);
    protocol ??= protocols[0]!;
    inputs.push({ name: nameOf(folder, record), score: scores[0]!, scored, run: record });
  }
  if (json) terminal.stdout.write(`${JSON.stringify(records.length === 1 ? records[0] : records, undefined, 1)}\n`);
  if (report !== undefined && protocol) {
    const files = await reportOn(report, protocol, inputs, truth, terminal);
    terminal.stderr.write(`wrote ${files.join(', ')}\n`);
  }
  if (fitted !== undefined) {
    const all = inputs.flatMap(({ scored }) => scored);
    terminal.stderr.write(await fitImported(options.head, fitted, all));
  }
  return exit;
}

/** Lengths that are named one by one. */
const MOST_LENGTHS = 10;

function tellLengths(folder: string, odd: readonly string[], { stderr }: Terminal): void {
  if (odd.length === 0) return;
  const more = odd.length > MOST_LENGTHS ? `; and ${odd.length - MOST_LENGTHS} more` : '';
  const named = odd.slice(0, MOST_LENGTHS).join('; ');
  stderr.write(`warning: ${folder}: results of another length than the truth: ${named}${more}\n`);
}

/** The one of that name, or all that score such results. @throws TrackerError OPTION_INVALID where it does not score them */
function protocolsFor(name: string, [first]: readonly ScoredSequence[], folder: string): readonly Protocol[] {
  const restarts = first !== undefined && isRestartRun(first.boxes);
  const scores = (protocol: Protocol): boolean => (protocol.restarts ?? false) === restarts;
  if (name === 'all') return PROTOCOLS.filter(scores);
  const protocol = findProtocol(name);
  if (scores(protocol)) return [protocol];
  const found = restarts ? 'a run with restarts' : 'a run of one pass';
  throw new TrackerError('OPTION_INVALID', `--protocol ${name}: ${folder} holds ${found}`, {
    hint: restarts ? 'score it with --protocol vot-restarts' : 'ebm-tracker evaluate vot-restarts runs with restarts',
  });
}

/** Writes the report; where there are frames, with film strips of the first tracker's failures. @returns the files' paths */
async function reportOn(
  folder: string,
  protocol: Protocol,
  inputs: readonly TrackerInput[],
  truth: readonly (Annotated & Partial<Footage>)[],
  terminal: Terminal,
): Promise<string[]> {
  const title = `${[...new Set(inputs.map((input) => input.name))].join(', ')}: ${protocol.title}`;
  const report = buildReport(title, protocol, inputs);
  const footage = truth.flatMap(({ name, source, start = 0 }) =>
    source === undefined ? [] : [[name, { source, start }] as const],
  );
  const { name, scored } = inputs[0]!;
  const films = await filmFailures(name, report.sequences, scored, new Map(footage));
  for (const warning of films.warnings) terminal.stderr.write(`warning: ${warning}\n`);
  return writeReport(folder, report, films);
}

/** Name of a tracker in the report: that of its run's record, else its folder's. */
function nameOf(folder: string, run: Readonly<Record<string, unknown>> | undefined): string {
  return run ? `${String(run['tracker'])}, seed ${String(run['seed'])}` : path.basename(path.resolve(folder));
}

export function explain(protocol: Protocol): string {
  const rules = protocol.rules.map((rule, i) => `${String(i + 1).padStart(2)}. ${rule}`);
  return `${protocol.name}: ${protocol.title}\n${rules.join('\n')}\nTrackers are ranked by ${protocol.headline}.\n`;
}

const percent = (value: number): number => Number((100 * value).toFixed(2));

const inPercent = (metrics: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, percent(value)]));

/** Percent with two decimals; the set's scores at the top level, per sequence below. */
export function toRecord({ protocol, metrics, sequences }: ProtocolScore): Record<string, unknown> {
  return {
    protocol,
    ...inPercent(metrics),
    sequences: Object.fromEntries(sequences.map((score) => [score.name, inPercent(score.metrics)])),
  };
}

/** Protocols by metrics, in percent. */
export function scoreTable(scores: readonly ProtocolScore[]): string {
  const keys = [...new Set(scores.flatMap(({ metrics }) => Object.keys(metrics)))];
  const rows = scores.map(({ protocol, metrics, sequences }) => [
    protocol,
    String(sequences.length),
    ...keys.map((key) => (key in metrics ? percent(metrics[key]!).toFixed(2) : '-')),
  ]);
  return alignColumns([['protocol', 'sequences', ...keys], ...rows]);
}

/** The first column to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, k) => Math.max(...rows.map((row) => row[k]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, k) => (k === 0 ? cell.padEnd(widths[k]!) : cell.padStart(widths[k]!))).join('  ');
  return `${rows.map((row) => line(row).trimEnd()).join('\n')}\n`;
}
