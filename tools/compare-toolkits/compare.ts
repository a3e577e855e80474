/**
 * Writes predictions and our scores of them for the Python scripts beside this file, which score the same files with other toolkits.
 *
 *   npx tsx tools/compare-toolkits/compare.ts --truth DIR [--absent DIR] --out FOLDER [--seed 1] [--polygons 1000]
 *
 * The predictions are the annotations with seeded noise: jitter in place and size, drifts, losses, boxes that leave the image or have no
 * area. FOLDER gets the layout that got10k's experiments read:
 *
 *   truth/SEQ.txt  truth-nan/SEQ.txt       absent frames as annotated, and as NaN
 *   cover/SEQ.txt                          8, or 0 where the target is absent
 *   results/GOT-10k/noisy/SEQ/SEQ_001.txt  and SEQ_time.txt beside it
 *   results/OTB/noisy/SEQ.txt              and times/SEQ_time.txt
 *   scores.json  polygons.json             what we make of them
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { meanFps } from '../../src/evaluation/curves.js';
import { polygonOverlap } from '../../src/evaluation/polygon.js';
import { findProtocol } from '../../src/evaluation/protocols/index.js';
import { readTruthFolder, type Annotated } from '../../src/evaluation/results.js';
import type { ScoredSequence } from '../../src/evaluation/types.js';
import { createRandom, type Random } from '../../src/random.js';

/** The annotations do not tell the size of the images; any will do that cuts some boxes. */
const SIZE = { width: 1000, height: 600 };

const options = new Command()
  .requiredOption('--truth <dir>', 'annotations: SEQ.txt')
  .option('--absent <dir>', 'flags of absence: SEQ.txt')
  .requiredOption('--out <folder>', 'where to write')
  .option('--seed <n>', 'of the noise', Number, 1)
  .option('--polygons <n>', 'pairs of quadrilaterals', Number, 1000)
  .parse()
  .opts<{ truth: string; absent?: string; out: string; seed: number; polygons: number }>();

/** As files have it: three decimals. */
const rounded = (value: number): number => Number(value.toFixed(3));

/** [N, 4]: the truth with noise that grows and shrinks over the sequence, so that each threshold has frames on both sides. */
function noisy(truth: Float64Array, random: Random): Float64Array {
  const boxes = new Float64Array(truth.length);
  const amount = 0.05 + 0.4 * random.uniform();
  for (let i = 0; i < truth.length / 4; i++) {
    const [x, y, w, h] = truth.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
    const swing = amount * (0.3 + Math.abs(Math.sin(i / 90)));
    const [dw, dh] = [Math.exp(swing * random.normal()), Math.exp(swing * random.normal())];
    const kind = random.uniform();
    const lost = kind < 0.02 ? 10 : 1;
    const flat = kind > 0.99 ? 0 : 1;
    boxes[4 * i] = rounded(x + lost * swing * w * random.normal());
    boxes[4 * i + 1] = rounded(y + lost * swing * h * random.normal());
    boxes[4 * i + 2] = rounded(w * dw * flat);
    boxes[4 * i + 3] = rounded(h * dh);
  }
  return boxes;
}

/** Corners of any quadrilateral: a turned rectangle, a bent one, or four points anywhere (concave and self-crossing ones too). */
function quadrilateral(random: Random): number[] {
  const kind = random.integer(3);
  if (kind === 2) return Array.from({ length: 8 }, () => 100 * random.uniform());
  const angle = 2 * Math.PI * random.uniform();
  const [cx, cy] = [20 + 60 * random.uniform(), 20 + 60 * random.uniform()];
  const [w, h] = [5 + 50 * random.uniform(), 5 + 50 * random.uniform()];
  const bend = kind === 1 ? 8 : 0;
  return (
    [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ] as const
  ).flatMap(([u, v]) => [
    cx + (u * w * Math.cos(angle) - v * h * Math.sin(angle)) / 2 + bend * random.normal(),
    cy + (u * w * Math.sin(angle) + v * h * Math.cos(angle)) / 2 + bend * random.normal(),
  ]);
}

const file = (...parts: readonly string[]): string => path.join(options.out, ...parts);
const lines = (values: Float64Array, columns: number, format: (value: number) => string): string =>
  Array.from(
    { length: values.length / columns },
    (_, i) => `${Array.from(values.subarray(columns * i, columns * (i + 1)), format).join(',')}\n`,
  ).join('');

async function writeSequence(truth: Annotated, scored: ScoredSequence, hidden: Float64Array): Promise<void> {
  const { name, boxes } = scored;
  const seconds = lines(scored.seconds!, 1, (value) => value.toFixed(8));
  const cover = Float64Array.from({ length: boxes.length / 4 }, (_, i) => (truth.absent?.[i] === true ? 0 : 8));
  const texts = {
    [file('truth', `${name}.txt`)]: lines(truth.truth, 4, String),
    [file('truth-nan', `${name}.txt`)]: lines(hidden, 4, String),
    [file('cover', `${name}.txt`)]: lines(cover, 1, String),
    [file('results', 'GOT-10k', 'noisy', name, `${name}_001.txt`)]: lines(boxes, 4, (value) => value.toFixed(3)),
    [file('results', 'GOT-10k', 'noisy', name, `${name}_time.txt`)]: seconds,
    [file('results', 'OTB', 'noisy', `${name}.txt`)]: lines(boxes, 4, (value) => value.toFixed(3)),
    [file('results', 'OTB', 'noisy', 'times', `${name}_time.txt`)]: seconds,
  };
  for (const [target, text] of Object.entries(texts)) {
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  }
}

const random = createRandom(options.seed);
const truths = await readTruthFolder(options.truth, options.absent);
const plain: ScoredSequence[] = [];
const withNaN: ScoredSequence[] = [];
for (const truth of truths) {
  const scored: ScoredSequence = {
    ...truth,
    size: SIZE,
    boxes: noisy(truth.truth, random),
    seconds: Float64Array.from({ length: truth.truth.length / 4 }, () =>
      Number((0.01 + 0.1 * random.uniform()).toFixed(8)),
    ),
  };
  const hidden = truth.truth.map((value, i) => (truth.absent?.[i >> 2] === true ? Number.NaN : value));
  await writeSequence(truth, scored, hidden);
  plain.push(scored);
  withNaN.push({ ...scored, truth: hidden });
}

const scoreOf = (protocol: string, sequences: readonly ScoredSequence[]): object => {
  const { metrics, curves, sequences: own } = findProtocol(protocol).score(sequences);
  return {
    metrics,
    success: curves.success!.values,
    precision: curves.precision!.values,
    sequences: Object.fromEntries(own.map(({ name, metrics }) => [name, metrics])),
  };
};
const scores = {
  size: [SIZE.width, SIZE.height],
  names: truths.map(({ name }) => name),
  fps: meanFps(plain),
  got10k: scoreOf('got10k', plain),
  otb: scoreOf('otb', plain),
  'uav-got10k': scoreOf('uav-got10k', withNaN),
};
await writeFile(file('scores.json'), JSON.stringify(scores));

const pairs = Array.from({ length: options.polygons }, (_, i) => {
  const [a, b] = [quadrilateral(random), quadrilateral(random)];
  const bounds = i % 2 === 0 ? undefined : { width: 60, height: 50 };
  return { a, b, bounds: bounds ? [bounds.width, bounds.height] : null, overlap: polygonOverlap(a, b, bounds) };
});
await writeFile(file('polygons.json'), JSON.stringify(pairs));
console.log(`${truths.length} sequences and ${pairs.length} pairs of polygons written to ${options.out}`);
