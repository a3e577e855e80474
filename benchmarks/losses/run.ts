/**
 * Where the score is lost: each sequence's missing AUC by cause (causes.ts has the rules), and sheets of the worst sequences.
 *
 *   npm run bench -- val --root DIR --figures --out val.json
 *   npm run bench -- losses --root DIR --from val.json [--out benchmarks/losses] [--sheets DIR2] [--worst 6]
 *
 * DIR is the folder that the benchmark val was given. Several seeds are averaged; the sheets are of the first.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { TrackerError } from '../../src/errors.js';
import { readFootage, type Footage } from '../built/footage.js';
import type { Origin } from '../record.js';
import type { SequenceScore } from '../val/scores.js';
import { lossByCause, lossesOf, type Trace } from './causes.js';
import { markdownOf, meanRow } from './report.js';
import { writeLossSheet } from './sheet.js';

interface ValResult extends Origin {
  readonly split: string;
  readonly seeds: readonly number[];
  readonly scores: readonly SequenceScore[];
}

interface Options {
  root: string;
  from: string;
  out?: string;
  sheets?: string;
  worst: number;
}

/** @throws TrackerError DATA_INVALID where the result has no boxes, or those of another sequence */
function traceOf({ sequence, boxes }: SequenceScore, footage: readonly Footage[], file: string): Trace {
  const own = footage.find(({ name }) => name === sequence);
  if (!own || boxes === undefined || boxes.length > own.boxes.length) {
    const found = own
      ? `${boxes?.length ?? 'no'} boxes of ${own.boxes.length} frames`
      : 'a sequence that is not in --root';
    throw new TrackerError('DATA_INVALID', `${file}: ${sequence}: found ${found}, expected a box for each frame`, {
      hint: 'make the file anew, with the same --root: npm run bench -- val --root DIR --figures --out FILE.json',
    });
  }
  return {
    boxes: boxes.map(([x, y, w, h]) => ({ x: x!, y: y!, w: w!, h: h! })),
    truth: own.boxes.slice(0, boxes.length),
    frame: own,
  };
}

async function run(options: Options): Promise<void> {
  const result = JSON.parse(await readFile(options.from, 'utf8')) as ValResult;
  const footage = await readFootage(path.join(options.root, result.split));
  const traces = result.scores.map((score) => ({ score, trace: traceOf(score, footage, options.from) }));
  const names = [...new Set(traces.map(({ score }) => score.sequence))];
  const rows = names
    .map((name) => {
      const own = traces.filter(({ score }) => score.sequence === name);
      return meanRow(
        name,
        own.map(({ score, trace }) => ({ auc: score.auc, lost: lossByCause(lossesOf(trace)) })),
      );
    })
    .toSorted((a, b) => a.auc - b.auc);
  const { command, config, configHash, weights, versions, split, seeds } = result;
  const record = { command, config, configHash, weights, versions, split, seeds, rows };
  const text = markdownOf(record);
  console.log(text);
  if (options.out !== undefined) {
    await mkdir(options.out, { recursive: true });
    await writeFile(path.join(options.out, `result-${split}.md`), text);
    await writeFile(path.join(options.out, `result-${split}.json`), `${JSON.stringify(record, undefined, 1)}\n`);
  }
  if (options.sheets !== undefined) {
    for (const { sequence } of rows.slice(0, options.worst)) {
      const { trace } = traces.find(({ score }) => score.sequence === sequence)!;
      await writeLossSheet(
        footage.find(({ name }) => name === sequence)!,
        trace,
        options.sheets,
      );
    }
  }
}

await run(
  new Command()
    .requiredOption('--root <dir>', 'folder of the splits')
    .requiredOption('--from <file>', 'result of the benchmark val with --figures')
    .option('--out <dir>', 'folder of result-SPLIT.md and result-SPLIT.json')
    .option('--sheets <dir>', 'writes a sheet of pictures of each of the worst sequences')
    .option('--worst <n>', 'how many sequences get a sheet', Number, 6)
    .parse()
    .opts<Options>(),
);
