/** ebm-tracker evaluate: scores under the protocols of the benchmarks. */
import type { Command } from 'commander';
import { TrackerError } from '../errors.js';
import { findProtocol, PROTOCOLS } from '../evaluation/protocols/index.js';
import { pairResults, readTruthFolder } from '../evaluation/results.js';
import type { Protocol, ProtocolScore } from '../evaluation/types.js';
import type { Terminal } from './terminal.js';

interface EvaluateOptions {
  protocol?: string;
  explain?: string;
  results?: string;
  truth?: string;
  absent?: string;
  json?: true;
}

export function addEvaluateCommand(program: Command, terminal: Terminal, setExitCode: (code: number) => void): void {
  program
    .command('evaluate')
    .description('score result files under the protocols of the benchmarks')
    .option('--protocol <name>', `${PROTOCOLS.map(({ name }) => name).join(', ')}, or all`)
    .option('--explain <protocol>', 'print the rules of a protocol')
    .option('--results <dir>', 'results: SEQ.txt with x,y,w,h a frame (those of other toolkits are read too)')
    .option('--truth <dir>', 'annotations: SEQ.txt with x,y,w,h a frame')
    .option('--absent <dir>', 'flags of absence: SEQ.txt with 1 where the target is absent')
    .option('--json', 'scores as JSON, in percent with two decimals')
    .action(async (options: EvaluateOptions) => {
      if (options.explain !== undefined) {
        terminal.stdout.write(explain(findProtocol(options.explain)));
        return;
      }
      if (options.results === undefined || options.truth === undefined) throw incomplete();
      setExitCode(await scoreFolders(options, options.results, options.truth, terminal));
    });
}

function incomplete(): TrackerError {
  return new TrackerError(
    'OPTION_INVALID',
    'evaluate: nothing to do, expected --results DIR --truth DIR or --explain PROTOCOL',
    {
      hint: 'ebm-tracker evaluate --help',
    },
  );
}

/** Plain folders of SEQ.txt. @returns 1 where a sequence has no result, else 0 */
async function scoreFolders(
  options: EvaluateOptions,
  results: string,
  truth: string,
  terminal: Terminal,
): Promise<0 | 1> {
  const name = options.protocol ?? 'ope';
  const protocols = name === 'all' ? PROTOCOLS : [findProtocol(name)];
  const { scored, missing } = await pairResults(await readTruthFolder(truth, options.absent), results);
  if (scored.length === 0) {
    throw new TrackerError(
      'INPUT_NOT_FOUND',
      `results ${results}: no file of any of the ${missing.length} sequences of ${truth}`,
      {
        hint: 'result files are named like the annotations: SEQ.txt',
      },
    );
  }
  const scores = protocols.map((protocol) => protocol.score(scored));
  if (missing.length > 0)
    terminal.stderr.write(
      `warning: ${missing.length} of ${scored.length + missing.length} sequences have no result: ${missing.join(', ')}\n`,
    );
  if (options.json) {
    const records = scores.map(toRecord);
    terminal.stdout.write(`${JSON.stringify(name === 'all' ? records : records[0], undefined, 1)}\n`);
  } else {
    terminal.stdout.write(scoreTable(scores));
  }
  return missing.length > 0 ? 1 : 0;
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
