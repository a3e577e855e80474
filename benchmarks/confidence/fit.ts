/**
 * Fits the confidence: logistic regression of "IoU > 0.5" on the figures of each frame, on training sequences; checked on others. Without
 * --fit, the confidence that ships is checked.
 *
 *   npm run bench -- val --root DIR --split train --figures --out train.json
 *   npm run bench -- built --root DIR --split train --figures built.json
 *   npm run bench -- confidence --fit train.json built.json --check val.json built-val.json --out confidence.json
 *   npm run bench -- confidence --check val.json dev.json --result benchmarks/confidence/result.json
 *
 * Several files count as one: each of their sequences and cases alike.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { areaUnderRoc, binsOf, calibrationError } from '../../src/evaluation/calibration.js';
import { originOf } from '../record.js';
import type { SequenceScore } from '../val/scores.js';

const options = new Command()
  .option('--fit <files...>', 'results of the benchmarks val or built with --figures')
  .option('--check <files...>', 'others')
  .option('--result <file>', 'JSON of the check, from which npm run figures takes it')
  .option('--out <file>', 'JSON for tools/export-head.ts --confidence')
  .parse()
  .opts<{ fit?: string[]; check?: string[]; out?: string; result?: string }>();

interface Sample {
  readonly inputs: readonly number[];
  readonly hit: number;
  /** Sequences count alike, however long. */
  readonly weight: number;
}

function samplesOf(files: readonly string[]): Sample[] {
  const scores = files.flatMap(
    (file) => (JSON.parse(readFileSync(file, 'utf8')) as { scores: SequenceScore[] }).scores,
  );
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

/** Pulls the weights together: the inputs say much the same, and less of it makes some of them negative. */
const RIDGE = 3e-3;

/** Gradient descent with momentum: the problem is small and convex. */
function fit(samples: readonly Sample[]): Model {
  const size = samples[0]!.inputs.length;
  const model: Model = { bias: 0, weights: Array<number>(size).fill(0) };
  const speed = Array<number>(size + 1).fill(0);
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  for (let step = 0; step < 3000; step++) {
    const gradient = [0, ...model.weights.map((weight) => RIDGE * weight)];
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

interface Check {
  readonly areaUnderRoc: number | undefined;
  readonly calibrationError: number;
}

/** Prints the bins. @returns area under ROC, expected calibration error over ten bins */
function check(name: string, model: Model, samples: readonly Sample[]): Check {
  const claims = {
    confidence: samples.map(({ inputs }) => predict(model, inputs)),
    hit: samples.map(({ hit }) => hit),
    weight: samples.map(({ weight }) => weight),
  };
  const bins = binsOf(claims);
  const total = bins.reduce((sum, { weight }) => sum + weight, 0);
  const hits = bins.reduce((sum, { right, weight }) => sum + right * weight, 0);
  for (const { confidence, right, weight } of bins.filter((bin) => bin.weight > 0)) {
    const share = ((100 * weight) / total).toFixed(1);
    console.log(`  said ${confidence.toFixed(2)}  was ${right.toFixed(2)}  share ${share}%`);
  }
  const found = { areaUnderRoc: areaUnderRoc(claims), calibrationError: calibrationError(bins) };
  const { areaUnderRoc: area, calibrationError: error } = found;
  console.log(
    `${name}: area under ROC ${area?.toFixed(3) ?? '-'}, expected calibration error ${error.toFixed(3)}, IoU > 0.5 in ${((100 * hits) / total).toFixed(1)}%`,
  );
  return found;
}

/** Fits to the files, prints the fit, and writes it. */
function fitTo(files: readonly string[], out: string | undefined): Model {
  const samples = samplesOf(files);
  const model = fit(samples);
  const rounded = {
    bias: Number(model.bias.toFixed(4)),
    weights: model.weights.map((weight) => Number(weight.toFixed(4))),
  };
  console.log(JSON.stringify(rounded));
  check('fit', rounded, samples);
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(rounded)}\n`);
  return rounded;
}

function shippedModel(): Model {
  const manifest = JSON.parse(readFileSync(new URL('../../models/manifest.json', import.meta.url), 'utf8')) as {
    heads: Record<string, { confidence: Model }>;
    default: { head: string };
  };
  return manifest.heads[manifest.default.head]!.confidence;
}

const model = options.fit ? fitTo(options.fit, options.out) : shippedModel();
if (options.check) {
  const samples = samplesOf(options.check);
  const found = check('check', model, samples);
  const { command, weights } = originOf('confidence', {});
  const sequences = Math.round(samples.reduce((sum, { weight }) => sum + weight, 0));
  const record = { command, weights, sequences, ...found };
  if (options.result !== undefined) writeFileSync(options.result, `${JSON.stringify(record, undefined, 2)}\n`);
}
