/**
 * What each part of the tracker is worth: they are put on one after the other, from the head alone to the default. Val and each fourth train
 * sequence, one tracker seed. A sequence that is lost by chance moves the mean of 28 by up to .03, that of 14 by .05.
 *
 *   npm run bench:parts -- --root DIR --work DIR [--out benchmarks/ablation]
 *
 * DIR holds val and train. Stopped at any moment, the same command goes on.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import type { TrackerOptions } from '../../src/config.js';
import { originOf } from '../record.js';
import { markdownTable } from '../table.js';
import { readRecord, runVal, type ValRecord } from './track.js';

/** Settings that take a part away; the default has all of them. */
const WITHOUT = {
  target: { posterior: { evidence: 0 } },
  memory: { target: { learnAbove: 1e9 } },
  rules: { target: { learnAbove: -1e9, keep: 0 } },
  motion: { posterior: { place: 3 } },
  absence: { target: { holdBelow: -1e9 }, redetect: { after: 10_000 } },
} satisfies Record<string, TrackerOptions>;
const { target, memory, rules, motion, absence } = WITHOUT;

/** Each row has one part more than the one above it. */
const ROWS: readonly (readonly [part: string, without: readonly TrackerOptions[]])[] = [
  ['head only', [target, memory, motion, absence]],
  ['+ target model, of the first frame alone', [memory, motion, absence]],
  ['+ memory: it learns each frame alike', [rules, motion, absence]],
  ['+ rules: the first frame stays, doubtful ones are not learned', [motion, absence]],
  ['+ motion prior', [absence]],
  ['+ absence: held or coasting while unseen, looked for elsewhere', []],
];

const options = new Command()
  .requiredOption('--root <dir>', 'folder with val and train')
  .requiredOption('--work <dir>', 'folder of the runs')
  .option('--out <dir>', 'folder of parts.md and parts.json', import.meta.dirname)
  .parse()
  .opts<{ root: string; work: string; out: string }>();

mkdirSync(options.work, { recursive: true });
const rows = ROWS.map(([part, without], index) => {
  const config = merged(without);
  const scores = [runOf(index, 'val', config), runOf(index, 'train', config)] as const;
  console.log(`${part}: val AUC ${scores[0].mean.auc}, train AUC ${scores[1].mean.auc}`);
  return { part, config, weights: scores[0].weights, val: scores[0].mean, train: scores[1].mean };
});
report();

function merged(parts: readonly TrackerOptions[]): TrackerOptions {
  const under = (key: 'posterior' | 'target' | 'redetect') => ({
    [key]: Object.assign({}, ...parts.map((part) => part[key] ?? {})) as object,
  });
  return { ...under('posterior'), ...under('target'), ...under('redetect') };
}

function runOf(index: number, split: 'val' | 'train', config: TrackerOptions): ValRecord {
  const file = path.resolve(options.work, `${index}-${split}.json`);
  const every = split === 'val' ? '1' : '4';
  return existsSync(file)
    ? readRecord(file)
    : runVal(['--root', options.root, '--split', split, '--every', every], config, file);
}

function report(): void {
  const cells = rows.map(({ part, val, train }) => [
    part,
    ...[val, train].flatMap(({ auc, op50, op75 }) => [auc, op50, op75].map((value) => value.toFixed(3))),
  ]);
  const table = markdownTable(['part', 'val AUC', 'OP50', 'OP75', 'train AUC', 'train OP50', 'train OP75'], cells);
  const text = `# What each part is worth\n\n\`npm run bench:parts -- --root DIR --work DIR\`: weights ${rows[0]!.weights?.slice(0, 12)}, tracker seed 11, val and each fourth train sequence.\n\n${table}\n`;
  writeFileSync(path.join(options.out, 'parts.md'), text);
  const record = { ...originOf('bench:parts', {}), rows };
  writeFileSync(path.join(options.out, 'parts.json'), `${JSON.stringify(record, undefined, 1)}\n`);
}
