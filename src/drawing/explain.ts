/**
 * Why is the box there? Writes down what each update() did, so that a failure can be understood by looking: pages of pictures (page-0001.png),
 * four a frame, and a line of numbers a frame (frames.jsonl).
 */
import { mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { logSumExp, DIMENSIONS } from '../ebm/proposal.js';
import { toCropBoxes } from '../ebm/posterior.js';
import { cropToFrame, frameToCrop, type CropBox, type FrameBox } from '../geometry.js';
import { regionWindow, resample } from '../image/crop.js';
import { drawDot, drawOutline, drawText, STATE_COLOURS, type Colour } from '../image/draw.js';
import { heatColour, overlayHeat, type HeatMap } from '../image/heat.js';
import { writeSheet, type Tile } from '../image/sheet.js';
import type { Observation, TrackerObserver } from '../tracker/types.js';
import type { Frame } from '../image/frame.js';

/** Folder and interval of the explanations. */
export interface ExplainOptions {
  /** Folder, made where it is not there; pages and numbers of an earlier run in it are replaced. */
  readonly folder: string;
  /** Only each n-th frame. */
  readonly every?: number;
}

/** Result of createExplainer(): an observer for createTracker(). */
export interface Explainer extends TrackerObserver {
  /** Writes the last page. The numbers are there already. */
  close(): Promise<void>;
}

/** Side of a picture, pixels. */
const TILE = 224;
const TILES_A_FRAME = 4;
/** Frames side by side, and on a page. */
const FRAMES_ACROSS = 2;
const FRAMES_A_PAGE = 12;
const NUMBERS_FILE = 'frames.jsonl';
const PAGE_NAME = /^page-\d{4,}\.png$/;

const pageName = (number: number): string => `page-${String(number).padStart(4, '0')}.png`;

/** Files that a run writes or removes in the folder: the numbers, the first page, and all pages that are there. */
export async function explainerFiles(folder: string): Promise<string[]> {
  const pages = (await readdir(folder).catch(() => [])).filter((name) => PAGE_NAME.test(name));
  return [NUMBERS_FILE, ...new Set([pageName(1), ...pages])].map((name) => path.join(folder, name));
}

/**
 * Makes an observer for createTracker() that writes down why the box is where it is. Nothing is written before the first update().
 * @example
 * ```ts
 * const explainer = createExplainer({ folder: 'why', every: 50 });
 * const tracker = await createTracker({}, explainer);
 * ```
 */
export function createExplainer({ folder, every = 1 }: ExplainOptions): Explainer {
  let numbers: FileHandle | undefined;
  let tiles: Tile[] = [];
  let pages = 0;
  let seen = 0;

  const writePage = async (): Promise<void> => {
    if (tiles.length === 0) return;
    const file = path.join(folder, pageName(++pages));
    await writeSheet(file, tiles, TILE, FRAMES_ACROSS * TILES_A_FRAME);
    tiles = [];
  };
  return {
    async observe(observation, frame, object) {
      if (object === undefined || object === 0) seen++;
      if ((seen - 1) % every !== 0) return;
      numbers ??= await openFolder(folder);
      await numbers.appendFile(`${JSON.stringify(numbersOf(observation, frame, object))}\n`).catch(failed(folder));
      tiles.push(...tilesOf(observation, frame, object));
      if (tiles.length === FRAMES_A_PAGE * TILES_A_FRAME) await writePage();
    },
    async close() {
      await numbers?.close();
      await writePage();
    },
  };
}

async function openFolder(folder: string): Promise<FileHandle> {
  try {
    await mkdir(folder, { recursive: true });
    // pages of a longer run would look like pages of this one
    for (const name of await readdir(folder)) if (PAGE_NAME.test(name)) await rm(path.join(folder, name));
    return await open(path.join(folder, NUMBERS_FILE), 'w');
  } catch (cause) {
    return failed(folder)(cause);
  }
}

function failed(folder: string): (cause: unknown) => never {
  return (cause) => {
    throw new TrackerError('OUTPUT_FAILED', `debug folder ${folder}: cannot be written (${messageOf(cause)})`, {
      hint: 'name a folder that you may write to, on a disk that has room',
      cause,
    });
  };
}

// --- numbers ---

/** Numbers that explain a frame's box, confidence and state; boxes in frame pixels. */
function numbersOf(observation: Observation, frame: Frame, object: number | undefined): object {
  const { region, base, response, estimate, evidence, result } = observation;
  const { axis, scores } = response;
  const peak = scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);
  const place = (cell: number): number => axis.stride * cell + axis.offset;
  const at = cropToFrame({ ...base, cx: place(peak % axis.cells), cy: place(Math.floor(peak / axis.cells)) }, region);
  const [estimated] = boxesOf(Float32Array.from(estimate.y), base);
  return {
    frame: frame.index,
    time: round(frame.time),
    object,
    state: result.state,
    confidence: round(result.confidence),
    box: roundedBox(result.box),
    lastBox: roundedBox(cropToFrame(base, region)),
    estimated: roundedBox(cropToFrame(estimated!, region)),
    search: { cx: round(region.cx), cy: round(region.cy), side: round(region.side) },
    evidence: Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, round(value)])),
    peak: { response: round(scores[peak]!), x: round(at.x + at.w / 2), y: round(at.y + at.h / 2) },
    sigma: Array.from(estimate.sigma, round),
    logZ: round(estimate.logZ),
    samples: estimate.values.length,
  };
}

const round = (value: number): number => Math.round(1e4 * value) / 1e4;

function roundedBox({ x, y, w, h }: FrameBox): FrameBox {
  return { x: round(x), y: round(y), w: round(w), h: round(h) };
}

// --- pictures ---

const LAST: Colour = [255, 255, 255];
const TEXT: Colour = [255, 255, 255];
const LINE_HEIGHT = 11;

/** Range of the colour scale in nats below the best, for samples and for cells of the proposal; all below has the coldest colour. */
const NATS = 10;
/** Samples whose outlines are drawn, the best ones; of the others a dot at the centre. */
const OUTLINED = 12;

/** The search crop with the boxes; under the target model's response; under the proposal; with the samples. */
function tilesOf(observation: Observation, frame: Frame, object: number | undefined): Tile[] {
  const { region, base, response, result, evidence, estimate } = observation;
  const crop = Uint8Array.from(resample(frame, { ...regionWindow(region), out: TILE }));
  const scale = TILE / region.out;
  const box = (value: CropBox): FrameBox => ({
    x: scale * (value.cx - value.w / 2),
    y: scale * (value.cy - value.h / 2),
    w: scale * value.w,
    h: scale * value.h,
  });
  const own = { box: box(frameToCrop(result.box, region)), colour: STATE_COLOURS[result.state], dashed: false };
  const last = { box: box(base), colour: LAST, dashed: true };
  const tile = (
    paint: ((rgb: Uint8Array) => void) | undefined,
    lines: readonly string[],
    outlines: Tile['outlines'],
  ): Tile => {
    const rgb = paint ? greyOf(crop) : crop.slice();
    paint?.(rgb);
    const image = { data: rgb, width: TILE, height: TILE };
    lines.forEach((line, i) => drawText(image, 0, LINE_HEIGHT * i, TEXT, line));
    return { rgb, outlines };
  };
  const heat = ({ cells, stride, offset, values }: HeatMap): HeatMap => ({
    cells,
    values,
    stride: scale * stride,
    offset: scale * offset,
  });
  const two = (value: number): string => value.toFixed(2);
  const which = object === undefined ? '' : ` ${object}`;
  return [
    tile(undefined, [`${frame.index}${which} ${result.state} ${two(result.confidence)}`], [last, own]),
    tile(
      (rgb) => overlayHeat(rgb, TILE, heat({ ...response.axis, values: response.scores }), 1),
      [`response ${two(evidence.response)}  rival ${two(evidence.rival)}`],
      [own],
    ),
    tile(
      (rgb) => overlayHeat(rgb, TILE, heat({ ...response.axis, values: densityOf(observation) }), 1),
      ['proposal'],
      [],
    ),
    tile(
      (rgb) => drawSamples(rgb, observation, box),
      [
        `height ${two(evidence.height)}  log z ${estimate.logZ.toFixed(1)}`,
        `spread ${evidence.spread.toFixed(3)}  share ${two(evidence.effectiveShare)}`,
      ],
      [],
    ),
  ];
}

/** Mass of the proposal by cell of the response's grid, wherever its Gaussians stand: 1 for the heaviest cell, 0 for NATS nats below it. */
function densityOf({ proposal, base, response }: Observation): Float64Array {
  const { cells, stride, offset } = response.axis;
  const mass = new Float64Array(cells * cells);
  const norm = logSumExp(proposal.logits);
  const cell = (at: number): number => Math.min(cells - 1, Math.max(0, Math.round((at - offset) / stride)));
  boxesOf(proposal.means, base).forEach(({ cx, cy }, k) => {
    mass[cell(cy) * cells + cell(cx)]! += Math.exp(proposal.logits[k]! - norm);
  });
  const most = Math.log(Math.max(...mass));
  return mass.map((value) => Math.max(0, 1 + (Math.log(value) - most) / NATS));
}

/** Grey copy of a picture, to lay colours over. */
function greyOf(rgb: Uint8Array): Uint8Array {
  return rgb.map((_, i) => {
    const at = i - (i % 3);
    return 0.3 * rgb[at]! + 0.59 * rgb[at + 1]! + 0.11 * rgb[at + 2]!;
  });
}

/** Coloured by log-density, the best ones on top. */
function drawSamples(rgb: Uint8Array, { estimate, base }: Observation, toTile: (box: CropBox) => FrameBox): void {
  const image = { data: rgb, width: TILE, height: TILE };
  const { values, best } = estimate;
  const boxes = boxesOf(estimate.samples, base);
  const order = [...values.keys()].toSorted((a, b) => values[a]! - values[b]!);
  order.forEach((n, rank) => {
    const colour = heatColour(1 - (best - values[n]!) / NATS);
    const box = toTile(boxes[n]!);
    if (rank >= order.length - OUTLINED) drawOutline(image, box, 1, colour);
    drawDot(image, box.x + box.w / 2, box.y + box.h / 2, 1, colour);
  });
}

function boxesOf(y: Float32Array, base: CropBox): CropBox[] {
  const flat = toCropBoxes(y, base);
  return Array.from({ length: flat.length / DIMENSIONS }, (_, n) => {
    const at = DIMENSIONS * n;
    return { ...base, cx: flat[at]!, cy: flat[at + 1]!, w: flat[at + 2]!, h: flat[at + 3]! };
  });
}
