/**
 * What the one-pass protocols make of the same boxes: the annotations themselves as predictions, and each box moved to the right by a
 * tenth of its width. The first line shows the constants a perfect run has, the difference between lines how much protocols disagree.
 *
 *   npx tsx benchmarks/protocols/run.ts --truth DIR [--absent DIR] [--shift 0.1]
 *
 * DIR holds SEQ.txt with x,y,w,h a frame, and SEQ.txt with a flag a frame, 1 = absent.
 */
import { Command } from 'commander';
import { OPE_PROTOCOLS } from '../../src/evaluation/protocols/table.js';
import { readTruthFolder, type Annotated } from '../../src/evaluation/results.js';
import type { ScoredSequence } from '../../src/evaluation/types.js';

const options = new Command()
  .requiredOption('--truth <dir>', 'annotations: SEQ.txt')
  .option('--absent <dir>', 'flags of absence: SEQ.txt')
  .option('--shift <share>', 'of the width that boxes of the second table are moved by', Number, 0.1)
  .parse()
  .opts<{ truth: string; absent?: string; shift: number }>();

function shifted(sequence: Annotated, share: number): ScoredSequence {
  const boxes = sequence.truth.map((value, i) => (i % 4 === 0 ? value + share * sequence.truth[i + 2]! : value));
  return { ...sequence, boxes };
}

function table(title: string, sequences: readonly ScoredSequence[]): void {
  const keys = ['auc', 'precision', 'normPrecision', 'op50', 'op75', 'ao'];
  console.log(`\n${title}\n${['protocol'.padEnd(18), ...keys.map((key) => key.padStart(14))].join('')}       ms`);
  for (const protocol of OPE_PROTOCOLS) {
    const start = performance.now();
    const { metrics } = protocol.score(sequences);
    const time = performance.now() - start;
    const named: Readonly<Record<string, number | undefined>> = {
      ...metrics,
      precision: metrics['precision20'] ?? metrics['precision'],
      op50: metrics['op50'] ?? metrics['sr50'],
      op75: metrics['op75'] ?? metrics['sr75'],
    };
    const cells = keys.map((key) => (100 * (named[key] ?? Number.NaN)).toFixed(2).padStart(14));
    console.log([protocol.name.padEnd(18), ...cells, time.toFixed(0).padStart(9)].join(''));
  }
}

const start = performance.now();
const truth = await readTruthFolder(options.truth, options.absent);
const frames = truth.reduce((sum, sequence) => sum + sequence.truth.length / 4, 0);
console.log(
  `${truth.length} sequences, ${frames} frames, read in ${(performance.now() - start).toFixed(0)} ms; percent`,
);
table(
  'ground truth as prediction',
  truth.map((sequence) => shifted(sequence, 0)),
);
table(
  `boxes moved by ${100 * options.shift} % of their width: overlap ${((1 - options.shift) / (1 + options.shift)).toFixed(4)}`,
  truth.map((sequence) => shifted(sequence, options.shift)),
);
console.log(`\n${((performance.now() - start) / 1000).toFixed(1)} s in all`);
