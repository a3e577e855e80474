/**
 * Fits the confidence: logistic regression of "IoU > 0.5" on the figures of each frame, on training sequences; checked on others.
 *
 *   npm run bench:val -- --root DIR --split train --figures --out train.json
 *   npx tsx benchmarks/confidence/fit.ts --fit train.json --check val.json --out confidence.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import type { SequenceScore } from '../val/run.js';

const options = new Command()
  .requiredOption('--fit <file>', 'result of bench:val with --figures')
  .option('--check <file>', 'another one')
  .option('--out <file>', 'JSON for tools/export-head.ts --confidence')
  .parse()
  .opts<{ fit: string; check?: string; out?: string }>();

interface Sample {
  readonly inputs: readonly number[];
  readonly hit: number;
  /** Sequences count alike, however long. */
  readonly weight: number;
}

function samplesOf(file: string): Sample[] {
  const { scores } = JSON.parse(readFileSync(file, 'utf8')) as { scores: SequenceScore[] };
  return scores.flatMap(({ figures = [] }) =>
    figures.map((row) => ({ inputs: row.slice(0, -2), hit: row.at(-1)! > 0.5 ? 1 : 0, weight: 1 / figures.length })),
  );
}

interface Model {
  bias: number;
  weights: number[];
}

const predict = ({ bias, weights }: Model, inputs: readonly number[]): number =>
  1 / (1 + Math.exp(-weights.reduce((sum, weight, i) => sum + weight * inputs[i]!, bias)));

/** Gradient descent with momentum: the problem is small and convex. */
function fit(samples: readonly Sample[]): Model {
  const size = samples[0]!.inputs.length;
  const model: Model = { bias: 0, weights: Array<number>(size).fill(0) };
  const speed = Array<number>(size + 1).fill(0);
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  for (let step = 0; step < 3000; step++) {
    const gradient = [0, ...model.weights.map((weight) => 1e-3 * weight)];
    for (const { inputs, hit, weight } of samples) {
      const error = ((predict(model, inputs) - hit) * weight) / total;
      gradient[0]! += error;
      inputs.forEach((value, i) => (gradient[i + 1]! += error * value));
    }
    gradient.forEach((g, i) => (speed[i] = 0.9 * speed[i]! - 0.5 * g));
    model.bias += speed[0]!;
    model.weights = model.weights.map((weight, i) => weight + speed[i + 1]!);
  }
  return model;
}

/** Area under ROC by ranks, expected calibration error over ten bins. */
function check(model: Model, samples: readonly Sample[]): string {
  const scored = samples
    .map((sample) => ({ ...sample, p: predict(model, sample.inputs) }))
    .toSorted((a, b) => a.p - b.p);
  let misses = 0;
  let wins = 0;
  let hits = 0;
  for (const { hit, weight } of scored) {
    if (hit) {
      wins += weight * misses;
      hits += weight;
    } else misses += weight;
  }
  let error = 0;
  const total = hits + misses;
  for (let bin = 0; bin < 10; bin++) {
    const own = scored.filter(({ p }) => Math.min(9, Math.floor(10 * p)) === bin);
    const weight = own.reduce((sum, sample) => sum + sample.weight, 0);
    error += Math.abs(own.reduce((sum, { p, hit, weight }) => sum + (p - hit) * weight, 0)) / total;
    if (weight > 0) {
      const said = own.reduce((sum, { p, weight }) => sum + p * weight, 0) / weight;
      const was = own.reduce((sum, { hit, weight }) => sum + hit * weight, 0) / weight;
      console.log(`  said ${said.toFixed(2)}  was ${was.toFixed(2)}  share ${((100 * weight) / total).toFixed(1)} %`);
    }
  }
  return `area under ROC ${(wins / (hits * misses)).toFixed(3)}, expected calibration error ${error.toFixed(3)}, IoU > 0.5 in ${((100 * hits) / total).toFixed(1)} %`;
}

const samples = samplesOf(options.fit);
const model = fit(samples);
const rounded = {
  bias: Number(model.bias.toFixed(4)),
  weights: model.weights.map((weight) => Number(weight.toFixed(4))),
};
console.log(JSON.stringify(rounded));
console.log(`fit:   ${check(rounded, samples)}`);
if (options.check) console.log(`check: ${check(rounded, samplesOf(options.check))}`);
if (options.out) writeFileSync(options.out, `${JSON.stringify(rounded)}\n`);
