/**
 * Makes the int8 version of a backbone and its manifest entry: ranges, weights and biases fitted on search crops of training footage. The same
 * footage and backbone give the same bytes; run it again when the backbone was replaced.
 *
 *   npx tsx tools/quantize-backbone.ts --sequences FOLDER [--manifest FILE] [--backbone NAME] [--out FILE]
 *
 * --sequences FOLDER       folders of video.mp4 and groundtruth.txt; each sixth of them is held out, to measure on
 * --backbone NAME          the float one (the manifest's default)
 * --out FILE               where the int8 one goes (its file with -int8, beside it)
 * --crops N                crops of each sequence (5)
 * --float-convolutions N   the first ones stay float (3): most of the noise would come from them, little of the time
 * --weight-bits N          7: none overflows on a processor with AVX2 but without VNNI; 8 is .7 dB better elsewhere (7)
 * --no-correction          leaves the biases as they are
 * --measure                writes nothing
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { TrackerError } from '../src/errors.js';
import type { BackboneEntry } from '../src/features/manifest.js';
import { keepInputs } from '../src/files/keep-inputs.js';
import { writeWhole } from '../src/files/write.js';
import { sha256Of } from '../src/hash.js';
import { writeInput } from '../src/image/crop.js';
import { findBackbone, loadManifest } from '../src/node/open.js';
import { DEFAULT_MANIFEST } from '../src/node/platform.js';
import { createRandom } from '../src/random.js';
import type { FloatTensor } from '../src/runtime/onnx.js';
import { SEQUENCE_JITTER } from '../src/training/augment.js';
import { readSequences } from '../src/datasets/footage.js';
import { sequenceCrops } from '../src/training/fill-bank.js';
import { fitCorrections, fitRanges, measureNoise, measureTime, THREADS, TIMED_RUNS } from './lib/fit-quantization.js';
import { MAP_ROLES } from './lib/measure-backbone.js';
import { planQuantization, quantizeModel } from './lib/quantize.js';
import { runTool } from './lib/run-tool.js';

const HELD_OUT_EVERY = 6;
/** Means settle sooner than ranges. */
const MEAN_CROPS = 48;
const SEED = 1;

interface Crops {
  readonly fit: readonly FloatTensor[];
  readonly heldOut: readonly FloatTensor[];
}

export async function readCrops(folder: string, perSequence: number, entry: BackboneEntry): Promise<Crops> {
  const fit: FloatTensor[] = [];
  const heldOut: FloatTensor[] = [];
  const random = createRandom(SEED);
  for (const [index, sequence] of (await readSequences(folder)).entries()) {
    const crops = index % HELD_OUT_EVERY === HELD_OUT_EVERY - 1 ? heldOut : fit;
    for await (const { crop } of sequenceCrops(sequence, perSequence, random)) crops.push(toInput(crop.rgb, entry));
  }
  return { fit, heldOut };
}

function toInput(rgb: Float32Array, { input }: BackboneEntry): FloatTensor {
  const side = SEQUENCE_JITTER.cropSize;
  const data = new Float32Array(rgb.length);
  writeInput(rgb, input, data);
  return { data, dims: input.layout === 'NCHW' ? [1, 3, side, side] : [1, side, side, 3] };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function printTimes(times: { float: number[]; int8: number[] }): void {
  for (const [what, of] of [
    ['median', median],
    ['least', (values: readonly number[]) => Math.min(...values)],
  ] as const) {
    const [float, int8] = [of(times.float), of(times.int8)];
    console.log(
      `session.run, ${THREADS} threads, ${what} of ${TIMED_RUNS}: float ${float.toFixed(1)} ms, int8 ${int8.toFixed(1)} ms, ratio ${(float / int8).toFixed(2)}`,
    );
  }
}

/** The float entry of the manifest gets (or gets anew) its field int8. */
async function enter(manifestFile: string, name: string, file: string, model: Uint8Array, from: string): Promise<void> {
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8')) as { backbones: Record<string, object> };
  const int8 = {
    file: path.relative(path.dirname(path.resolve(manifestFile)), path.resolve(file)),
    sha256: sha256Of(model),
    madeFrom: from,
  };
  manifest.backbones[name] = { ...manifest.backbones[name], int8 };
  await writeWhole(manifestFile, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

interface Options {
  readonly floatConvolutions: number;
  readonly sequences: string;
  readonly manifest: string;
  readonly backbone?: string | undefined;
  readonly out?: string | undefined;
  readonly crops: number;
  readonly weightBits: number;
  readonly correct: boolean;
  readonly measureOnly: boolean;
}

async function quantize(options: Options): Promise<void> {
  const entry = await findBackbone(await loadManifest(options.manifest), options.backbone);
  const out = options.out ?? entry.file.replace(/(\.onnx)?$/, '-int8.onnx');
  const inputs = [entry.file, options.manifest].map((path) => ({ what: 'the backbone', path }));
  if (!options.measureOnly) await keepInputs([{ what: '--out', path: out }], inputs);
  const input = entry.input.name;
  const float = await readFile(entry.file);
  const crops = await readCrops(options.sequences, options.crops, entry);
  console.log(`${entry.name}: ${crops.fit.length} crops to fit on, ${crops.heldOut.length} held out`);
  const plan = planQuantization(float, options.floatConvolutions);
  const some = everyNth(crops.fit, Math.ceil(crops.fit.length / MEAN_CROPS));
  const ranges = await fitRanges(float, plan, input, crops.fit);
  const settings = { ranges, weightBits: options.weightBits };
  const corrections = options.correct
    ? await fitCorrections(float, plan, settings, input, some)
    : new Map<string, Float32Array>();
  const int8 = quantizeModel(float, plan, { ...settings, corrections });
  const noise = await measureNoise(float, int8, entry, crops.heldOut);
  for (const role of MAP_ROLES)
    console.log(`${entry[role].output}: signal to noise ${noise[role].toFixed(1)} dB on held-out crops`);
  printTimes(await measureTime(float, int8, input, crops.fit[0]!));
  if (options.measureOnly) return;
  await writeWhole(out, int8);
  await enter(options.manifest, entry.name, out, int8, entry.sha256);
  console.log(`${out}: ${(int8.length / 1e6).toFixed(1)} MB`);
}

function everyNth<T>(items: readonly T[], step: number): T[] {
  return items.filter((_, i) => i % step === 0);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sequences: { type: 'string' },
      manifest: { type: 'string', default: DEFAULT_MANIFEST },
      backbone: { type: 'string' },
      out: { type: 'string' },
      crops: { type: 'string', default: '5' },
      'float-convolutions': { type: 'string', default: '3' },
      'weight-bits': { type: 'string', default: '7' },
      'no-correction': { type: 'boolean', default: false },
      measure: { type: 'boolean', default: false },
    },
  });
  if (values.sequences === undefined) {
    throw new TrackerError('OPTION_INVALID', 'no --sequences given, expected a folder of training footage', {
      hint: 'npx tsx tools/quantize-backbone.ts --sequences DIR',
    });
  }
  const { sequences, manifest, backbone, out } = values;
  await quantize({
    sequences,
    manifest,
    backbone,
    out,
    crops: Number(values.crops),
    weightBits: Number(values['weight-bits']),
    floatConvolutions: Number(values['float-convolutions']),
    correct: !values['no-correction'],
    measureOnly: values.measure,
  });
}

if (process.argv[1] === import.meta.filename) await runTool('quantize-backbone', main);
