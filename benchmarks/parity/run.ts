/**
 * Numbers of a reference implementation against ours, step by step, with its weights: crop, features, embedding, energies, proposal
 * densities. It finds the half pixel that costs accuracy.
 *
 *   npx tsx benchmarks/parity/run.ts --reference DIR --video FILE [--keep FILE.safetensors]
 *
 * DIR holds parity.json and head.safetensors (torch names: n3, n4, mod, f3, f4, fm, fo, pp).
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { createTfjsEngine } from '../../src/ebm/engines/tfjs.js';
import { DEFAULT_HEAD, headShapes, makeTemplate, type Weights } from '../../src/ebm/head.js';
import { boxPosterior } from '../../src/ebm/posterior.js';
import { cellPlaces, decodeProposal, logDensity } from '../../src/ebm/proposal.js';
import type { FeatureMap } from '../../src/features/backbone.js';
import { frameToCrop, searchRegion } from '../../src/geometry.js';
import { regionWindow, resample, writeInput } from '../../src/image/crop.js';
import type { Frame } from '../../src/image/frame.js';
import { readSafetensors } from '../../src/io/safetensors-file.js';
import { formatSafetensors, type StoredTensor } from '../../src/io/safetensors.js';
import { createOnnxEngine, findBackbone, loadManifest, openBackbone, openHead } from '../../src/node/open.js';
import { DEFAULT_MANIFEST } from '../../src/node/platform.js';
import { openTensorflow } from '../../src/runtime/tensorflow.js';
import { openVideo } from '../../src/video/read.js';
import { exportHead } from '../../tools/export-head.js';

interface Parity {
  first_box: [number, number, number, number];
  crop_bgr_at: { xy: [number, number][]; value: [number, number, number][] };
  stride8_cell_18_18_first8: number[];
  stride16_cell_9_9_first8: number[];
  n3_cell_18_18_first8: number[];
  n4_cell_9_9_first8: number[];
  modulation_first8: number[];
  y: number[][];
  energy: number[];
  proposal_log_density_at_y: number[];
}

const options = new Command()
  .requiredOption('--reference <dir>', 'folder with parity.json and head.safetensors')
  .requiredOption('--video <file>', 'the sequence of parity.json')
  .option('--keep <file>', 'writes the converted weights here')
  .parse()
  .opts<{ reference: string; video: string; keep?: string }>();

/** Torch's [out, in(, h, w)] to our [(h, w,) in, out]. */
function transposed({ shape, data }: StoredTensor): StoredTensor {
  const [to, from, h = 1, w = 1] = shape as [number, number, number?, number?];
  const result = new Float32Array(data.length);
  for (let o = 0; o < to; o++) {
    for (let c = 0; c < from; c++)
      for (let i = 0; i < h * w; i++) result[(i * from + c) * to + o] = data[(o * from + c) * h * w + i]!;
  }
  return { shape: shape.length === 2 ? [from, to] : [h, w, from, to], data: result };
}

async function convert(file: string): Promise<Weights> {
  const { tensors: t } = await readSafetensors(file);
  const layers: [string, string][] = [
    ['embed.fine.0', 'n3.0'],
    ['embed.fine.1', 'n3.1'],
    ['embed.coarse.0', 'n4.0'],
    ['embed.coarse.1', 'n4.1'],
    ['proposal.0', 'pp.0'],
    ['proposal.1', 'pp.1'],
  ];
  const result: Record<string, StoredTensor> = {};
  for (const [ours, theirs] of layers) {
    result[`${ours}.kernel`] = transposed(t[`${theirs}.0.weight`]!);
    result[`${ours}.gamma`] = t[`${theirs}.1.weight`]!;
    result[`${ours}.beta`] = t[`${theirs}.1.bias`]!;
  }
  const dense: [string, string][] = [
    ['modulation.0', 'mod.0'],
    ['modulation.1', 'mod.2'],
    ['energy.fine', 'f3'],
    ['energy.coarse', 'f4'],
    ['energy.match', 'fm'],
    ['energy.hidden', 'fo.0'],
    ['energy.output', 'fo.2'],
    ['proposal.output', 'pp.2'],
  ];
  for (const [ours, theirs] of dense) {
    result[`${ours}.kernel`] = transposed(t[`${theirs}.weight`]!);
    result[`${ours}.bias`] = t[`${theirs}.bias`]!;
  }
  for (const [name, shape] of Object.entries(headShapes(DEFAULT_HEAD))) {
    if (result[name]?.shape.join() !== shape.join())
      throw new Error(`${name}: [${result[name]?.shape}], expected [${shape}]`);
  }
  return result;
}

/** Largest difference over the largest reference value. */
function report(name: string, found: ArrayLike<number>, expected: readonly number[]): void {
  const top = Math.max(...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)));
  const verdict = worst / top < 0.01 ? 'ok  ' : 'FAIL';
  console.log(`${verdict} ${name.padEnd(34)} ${((100 * worst) / top).toFixed(3)} % of ${top.toFixed(3)}`);
  if (worst / top >= 0.01) {
    process.exitCode = 1;
    console.log('     found   ', Array.from(found).slice(0, expected.length));
    console.log('     expected', expected);
  }
}

const parity = JSON.parse(await readFile(path.join(options.reference, 'parity.json'), 'utf8')) as Parity;
const weights = await convert(path.join(options.reference, 'head.safetensors'));
const folder = await mkdtemp(path.join(tmpdir(), 'parity-'));
const manifestFile = path.join(folder, 'manifest.json');
const shipped = JSON.parse(await readFile(DEFAULT_MANIFEST, 'utf8')) as { heads?: unknown; default: { head?: string } };
delete shipped.heads;
delete shipped.default.head;
await writeFile(manifestFile, JSON.stringify(shipped));
const entry = await findBackbone(await loadManifest());
await copyFile(entry.file, path.join(folder, path.basename(entry.file)));
const geometry = {
  fine: { cells: 36, stride: entry.fine.stride, offset: entry.fine.offset },
  coarse: { cells: 18, stride: entry.coarse.stride, offset: entry.coarse.offset },
  cropSize: 288,
};
const metadata = { config: JSON.stringify(DEFAULT_HEAD), geometry: JSON.stringify(geometry), backbone: entry.sha256 };
const weightFile = options.keep ?? path.join(folder, 'reference.safetensors');
await writeFile(weightFile, formatSafetensors({ tensors: weights, metadata }));
await exportHead(weightFile, 'reference', manifestFile);
const head = await openHead(await loadManifest(manifestFile), 'reference');
const backbone = await openBackbone(entry, { threads: 2 });
const engine = await createOnnxEngine(head.model, { threads: 2 });

const frames: Frame[] = [];
for await (const frame of (await openVideo(options.video)).frames()) {
  frames.push(frame);
  if (frames.length === 2) break;
}
const [x, y, w, h] = parity.first_box;
const first = { x, y, w, h };
const region = searchRegion(first, 5, 288);

async function look(frame: Frame) {
  // the reference's crop is 8-bit
  const rgb = resample(frame, regionWindow(region)).map((value) => Math.round(value));
  const data = new Float32Array(rgb.length);
  writeInput(rgb, entry.input, data);
  return { rgb, features: await backbone.extract({ data, dims: [1, 3, 288, 288] }) };
}
const raw = (map: FeatureMap, row: number, column: number, deviation: readonly number[]): number[] =>
  Array.from(
    { length: 8 },
    (_, c) => map.data[(c * map.height + row) * map.width + column]! * Math.max(deviation[c]!, 1e-2),
  );

const template = await look(frames[0]!).then(async ({ features }) =>
  makeTemplate(head.model, await engine.embed(features.fine.data, features.coarse.data), frameToCrop(first, region)),
);
const { rgb, features } = await look(frames[1]!);
const bgr = parity.crop_bgr_at.xy.flatMap(([column, row]) => [2, 1, 0].map((c) => rgb[3 * (row * 288 + column) + c]!));
report('crop', bgr, parity.crop_bgr_at.value.flat());
report('features, stride 8', raw(features.fine, 18, 18, entry.fine.deviation), parity.stride8_cell_18_18_first8);
report('features, stride 16', raw(features.coarse, 9, 9, entry.coarse.deviation), parity.stride16_cell_9_9_first8);
const embedding = await engine.embed(features.fine.data, features.coarse.data);
report('embedding, stride 8', embedding.fine.subarray((18 * 36 + 18) * 64), parity.n3_cell_18_18_first8);
report('embedding, stride 16', embedding.coarse.subarray((9 * 18 + 9) * 128), parity.n4_cell_9_9_first8);
report('modulation', template.modulation, parity.modulation_first8);
const base = frameToCrop(first, region);
const candidates = Float32Array.from(parity.y.flat());
const tfjs = createTfjsEngine(await openTensorflow({ backend: 'cpu' }), head.model);
for (const each of [engine, tfjs]) {
  const density = boxPosterior(each, embedding, template, base, 1, []);
  report(`energy, ${each.name}`, await density.values(candidates), parity.energy);
  const proposal = decodeProposal(await each.propose(embedding, template), cellPlaces(geometry.coarse, base));
  report(`proposal log-density, ${each.name}`, logDensity(proposal, candidates), parity.proposal_log_density_at_y);
}
await rm(folder, { recursive: true, force: true });
