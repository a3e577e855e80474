/**
 * Crops that a published box head learns from and is judged by, as bytes in one file: what the frozen layers make of them is twenty times as
 * large, and is computed when it is needed.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeWhole } from '../files/write.js';
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { Sequence } from '../datasets/footage.js';
import { boxIn, cropSearch, firstPicture, firstPosition } from '../published/crops.js';
import { firstViews } from '../published/first-samples.js';
import type { Box } from '../published/memory.js';
import type { Rules } from '../published/trackers.js';
import type { Random } from '../random.js';
import { framesOf, spread, usableFrames } from './fill-bank.js';
import type { HeldOut } from './validate.js';

export interface CropEntry {
  /** Number of its sequence. */
  readonly object: number;
  /** The crop is made about the true box, as that of a first frame; else about one that is off, as in tracking. */
  readonly template: boolean;
  /** The truth, and the box that refinement begins at: x, y, w, h in crop pixels. */
  readonly box: Box;
  readonly base: Box;
}

/** Rows of a sequence that crops are taken of; one may be there several times. */
export interface CropPlan {
  readonly sequence: Sequence;
  readonly templates: readonly number[];
  readonly searches: readonly number[];
}

/** One template for so many searched crops. */
const SEARCHES_A_TEMPLATE = 3;
/** Crops of one frame at most. */
const CROPS_A_FRAME = 4;

/** @param most crops of the sequence */
export function learnedPlan(sequence: Sequence, most: number): CropPlan {
  const frames = usableFrames(sequence);
  const rows = spread(frames, Math.min(most, CROPS_A_FRAME * frames.length));
  const isTemplate = (index: number): boolean => index % (SEARCHES_A_TEMPLATE + 1) === 0;
  return {
    sequence,
    templates: rows.filter((_, i) => isTemplate(i)),
    searches: rows.filter((_, i) => !isTemplate(i)),
  };
}

/** As it is tracked: the first frame is the template. */
export const heldOutPlan = ({ sequence, search }: HeldOut): CropPlan => ({
  sequence,
  templates: usableFrames(sequence).slice(0, 1),
  searches: search,
});

const planned = (plans: readonly CropPlan[]): number =>
  plans.reduce((sum, { templates, searches }) => sum + templates.length + searches.length, 0);

/** Sets of crops in a work folder. */
export const CROP_SETS = ['crops', 'held-out-crops'] as const;
export type CropSet = (typeof CROP_SETS)[number];

/** Names of the two files of a set of crops. */
export const cropFiles = (folder: string, name: CropSet): { bytes: string; index: string } => ({
  bytes: path.join(folder, `${name}.bin`),
  index: path.join(folder, `${name}.json`),
});

interface Index {
  readonly source: string;
  readonly size: number;
  readonly entries: readonly CropEntry[];
}

export interface CropOptions {
  readonly rules: Pick<Rules, 'size' | 'area' | 'border'>;
  /** Identifies footage, plan and rules: crops of others in the folder are replaced. */
  readonly source: string;
  readonly random: Random;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Opens crops, which are made where they are not there. @returns undefined where the signal was aborted */
export async function prepareCrops(
  folder: string,
  name: CropSet,
  plans: readonly CropPlan[],
  options: CropOptions,
): Promise<CropStore | undefined> {
  const files = cropFiles(folder, name);
  const { source } = options;
  const known = await readIndex(files, source);
  if (known) return new CropStore(files.bytes, known);
  await mkdir(folder, { recursive: true });
  await rm(files.index, { force: true });
  const entries = await fill(files.bytes, plans, options);
  if (!entries) return undefined;
  const index: Index = { source, size: options.rules.size, entries };
  await writeWhole(files.index, JSON.stringify(index));
  return new CropStore(files.bytes, index);
}

/** The index is written last: where it is, the crops are whole. */
async function readIndex(files: { bytes: string; index: string }, source: string): Promise<Index | undefined> {
  try {
    const index = JSON.parse(await readFile(files.index, 'utf8')) as Index;
    const { size } = await stat(files.bytes);
    return index.source === source && size === index.entries.length * bytesOf(index.size) ? index : undefined;
  } catch {
    return undefined;
  }
}

const bytesOf = (size: number): number => 3 * size * size;

async function fill(
  file: string,
  plans: readonly CropPlan[],
  { rules, random, onProgress, signal }: CropOptions,
): Promise<CropEntry[] | undefined> {
  const total = planned(plans);
  const entries: CropEntry[] = [];
  const handle = openSync(file, 'w');
  try {
    for (const [object, plan] of plans.entries()) {
      for await (const { pixels, ...crop } of cropsOfPlan(plan, rules, random)) {
        if (signal?.aborted) return undefined;
        writeSync(handle, Uint8ClampedArray.from(pixels));
        entries.push({ object, ...crop });
        onProgress?.(entries.length, total);
      }
    }
  } finally {
    closeSync(handle);
  }
  return entries;
}

type MadeCrop = Omit<CropEntry, 'object'> & { readonly pixels: Float32Array };

async function* cropsOfPlan(
  { sequence, templates, searches }: CropPlan,
  rules: CropOptions['rules'],
  random: Random,
): AsyncGenerator<MadeCrop, void, void> {
  const last = Math.max(...templates, ...searches);
  for await (const { image, row } of framesOf(sequence)) {
    const box = sequence.boxes[row];
    const times = (rows: readonly number[]): number => rows.filter((one) => one === row).length;
    if (box) {
      for (let i = times(templates); i > 0; i--) yield templateCrop(image, box, rules, random);
      for (let i = times(searches); i > 0; i--) yield searchCrop(image, box, rules, random);
    }
    if (row >= last) return;
  }
}

function templateCrop(image: Frame, truth: FrameBox, rules: CropOptions['rules'], random: Random): MadeCrop {
  const { large, box } = firstPicture(image, firstPosition(truth, rules), rules.size);
  const [plain] = firstViews(large, rules.size, random);
  return { pixels: plain!.pixels, template: true, box, base: box };
}

/** Deviations: of the last box's log size, that of both sides and each one's own; of the crop's middle; and of where refinement begins. */
const SIZE = 0.12;
const SIDE = 0.08;
const SHIFT = 0.3;
const START = 0.1;

function searchCrop(image: Frame, truth: FrameBox, rules: CropOptions['rules'], random: Random): MadeCrop {
  const { size } = rules;
  const scale = SIZE * random.normal();
  const w = truth.w * Math.exp(scale + SIDE * random.normal());
  const h = truth.h * Math.exp(scale + SIDE * random.normal());
  const about = (deviation: number): FrameBox => ({
    x: truth.x + truth.w / 2 + deviation * random.normal() * w - w / 2,
    y: truth.y + truth.h / 2 + deviation * random.normal() * h - h / 2,
    w,
    h,
  });
  const search = cropSearch(image, firstPosition(about(SHIFT), rules), rules);
  return {
    pixels: search.pixels,
    template: false,
    box: boxIn(search, firstPosition(truth, rules), size),
    base: boxIn(search, firstPosition(about(START), rules), size),
  };
}

/** Crops on disk. */
export class CropStore {
  private readonly handle: number;
  readonly entries: readonly CropEntry[];
  /** Side of a crop. */
  readonly size: number;

  constructor(file: string, { entries, size }: Index) {
    this.handle = openSync(file, 'r');
    this.entries = entries;
    this.size = size;
  }

  /** Pixels of a crop: [3, S, S], 0 to 255. */
  read(index: number): Float32Array {
    const bytes = new Uint8Array(bytesOf(this.size));
    readSync(this.handle, bytes, 0, bytes.length, index * bytes.length);
    return Float32Array.from(bytes);
  }

  /** Crops of each object, templates and searched ones. */
  byObject(): { templates: number[]; searches: number[] }[] {
    const objects = new Map<number, { templates: number[]; searches: number[] }>();
    for (const [index, { object, template }] of this.entries.entries()) {
      const own = objects.get(object) ?? { templates: [], searches: [] };
      own[template ? 'templates' : 'searches'].push(index);
      objects.set(object, own);
    }
    return [...objects.values()].filter(({ templates, searches }) => templates.length > 0 && searches.length > 0);
  }

  close(): void {
    closeSync(this.handle);
  }
}
