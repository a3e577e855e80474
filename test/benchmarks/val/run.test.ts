/** The benchmark val gives the figures of evaluate(), which are the product's. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { evaluate } from '../../../src/evaluation/evaluate.js';
import { readSequenceResult } from '../../../src/evaluation/results.js';
import { makeSequence } from '../../helpers/sequences.js';
import { temporaryFolder } from '../../helpers/video.js';

const FRAMES = 4;

interface Result {
  readonly mean: Readonly<Record<string, number>>;
  readonly scores: readonly { readonly sequence: string; readonly auc: number; readonly boxes: number[][] }[];
}

test("bench val, which watches the tracker, has evaluate's figures and boxes", async () => {
  const root = await temporaryFolder();
  const val = path.join(root, 'val');
  for (const [i, name] of ['a', 'b'].entries()) await makeSequence(val, name, FRAMES, [90 * i, 9, 60]);
  const results = path.join(root, 'results');
  const { runs } = await evaluate({ dataset: 'folder', root: val, out: results, workers: 1, threads: 1 });
  const { folder, score } = runs[0]!;
  const out = path.join(root, 'val.json');
  const flags = ['--root', root, '--workers', '1', '--figures', '--out', out];
  await promisify(execFile)(process.execPath, ['--import', 'tsx', 'benchmarks/bench.ts', 'val', ...flags]);
  const { mean, scores } = JSON.parse(await readFile(out, 'utf8')) as Result;
  expect(mean['auc']).toBeCloseTo(score.metrics['auc']!, 4);
  expect(scores.map(({ sequence, auc }) => [sequence, auc])).toEqual(
    score.sequences.map(({ name, metrics }) => [name, metrics['auc']]),
  );
  for (const { sequence, boxes } of scores) {
    const { boxes: own } = await readSequenceResult(folder, sequence);
    expect(boxes).toHaveLength(FRAMES);
    boxes.flat().forEach((value, i) => expect(Math.abs(value - own[i]!)).toBeLessThan(0.006));
  }
});
