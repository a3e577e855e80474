/** Draws what the tracker says into a copy of the frame. */
import type { FrameBox, Size } from '../geometry.js';
import type { TrackResult, TrackState } from '../result.js';
import type { Frame } from './frame.js';

type Image = Pick<Frame, 'data' | 'width' | 'height'>;
export type Colour = readonly [red: number, green: number, blue: number];

/** Colour of each state; bright, so that they are read on the dark plate too. */
export const STATE_COLOURS: Readonly<Record<TrackState, Colour>> = {
  tracking: [48, 224, 96],
  uncertain: [255, 184, 0],
  lost: [255, 72, 72],
  found: [72, 168, 255],
};

/** The shorter side of the frame for each pixel of line width and of a font dot. */
const SIDE_PER_UNIT = 240;
/** Length of a dash and of the gap behind it, in units. */
const DASH = 4;
/** Pixels, where a picture is too small for lines to grow with it. */
const SMALL_LINE = 2;
const RIM: Colour = [0, 0, 0];
/** Factor of the picture's brightness under the plate. */
const PLATE_BRIGHTNESS = 0.2;

/**
 * The frame with the box's outline in the state's colour (tracking green, uncertain amber, lost red and dashed, found blue) and a label
 * such as "tracking 0.87" on a dark plate. The box may reach outside the frame; of a box that is not finite only the label is drawn.
 * @returns RGB, 3 * width * height bytes of its own; the frame is left as it is
 * @example
 * ```ts
 * const rgb = drawResult(frame, { box, confidence: 0.87, state: 'tracking' });
 * ```
 */
export function drawResult(frame: Image, result: TrackResult): Uint8Array {
  return drawResults(frame, [result]);
}

/** The same with all results of the frame; a label begins with the object's id, where there is one. */
export function drawResults(frame: Image, results: readonly (TrackResult & { readonly id?: number })[]): Uint8Array {
  const image = { data: Uint8Array.from(frame.data), width: frame.width, height: frame.height };
  const unit = Math.max(1, Math.round(Math.min(frame.width, frame.height) / SIDE_PER_UNIT));
  // labels last: no box crosses them
  for (const { box, state } of results)
    if (isFinite(box)) drawOutline(image, box, unit, STATE_COLOURS[state], state === 'lost' ? DASH * unit : Infinity);
  for (const { id, box, confidence, state } of results) {
    const said = Number.isFinite(confidence) ? `${state} ${confidence.toFixed(2)}` : state;
    const text = id === undefined ? said : `${id} ${said}`;
    drawLabel(image, isFinite(box) ? box : { x: 0, y: 0 }, unit, STATE_COLOURS[state], text);
  }
  return image.data;
}

const isFinite = ({ x, y, w, h }: FrameBox): boolean => [x, y, w, h].every(Number.isFinite);

export interface Outline {
  readonly box: FrameBox;
  readonly colour: Colour;
  readonly dashed: boolean;
}

/**
 * For small pictures: lines on a dark ground, readable anywhere; the gaps of a dashed box show the lines of those before it. Drawn into the
 * image itself. Boxes that are not finite are left out.
 */
export function drawBoxes(image: Image, outlines: readonly Outline[]): void {
  const finite = outlines.filter(({ box }) => isFinite(box));
  for (const { box } of finite) drawOutline(image, box, 2 * SMALL_LINE, RIM, Infinity);
  for (const { box, colour, dashed } of finite) drawOutline(image, box, SMALL_LINE, colour, dashed ? DASH : Infinity);
}

/** Lines of the given width, pixels, centred on the box's edges, drawn into the image itself. @param dash length of dashes and gaps */
export function drawOutline(image: Image, box: FrameBox, width: number, colour: Colour, dash = Infinity): void {
  const left = Math.round(box.x - width / 2);
  const top = Math.round(box.y - width / 2);
  const right = Math.round(box.x + box.w - width / 2);
  const bottom = Math.round(box.y + box.h - width / 2);
  fill(image, left, top, right + width, top + width, colour, dash);
  fill(image, left, bottom, right + width, bottom + width, colour, dash);
  fill(image, left, top, left + width, bottom + width, colour, dash);
  fill(image, right, top, right + width, bottom + width, colour, dash);
}

/** A square of (2 radius + 1) pixels, drawn into the image itself. */
export function drawDot(image: Image, x: number, y: number, radius: number, colour: Colour): void {
  const [left, top] = [Math.round(x) - radius, Math.round(y) - radius];
  fill(image, left, top, left + 2 * radius + 1, top + 2 * radius + 1, colour);
}

/** A line of small text on a dark plate, drawn into the image itself. @param text of digits, small letters, points, minus signs and spaces */
export function drawText(image: Image, x: number, y: number, colour: Colour, text: string): void {
  drawPlate(image, x, y, 1, colour, text);
}

/** Fills [x0, x1) x [y0, y1), integers, as far as it lies in the image; in dashes along x + y. */
function fill(image: Image, x0: number, y0: number, x1: number, y1: number, colour: Colour, dash = Infinity): void {
  eachPixel(image, x0, y0, x1, y1, (at, x, y) => {
    if (Math.floor((x - x0 + y - y0) / dash) % 2 === 0) image.data.set(colour, at);
  });
}

function darken(image: Image, x0: number, y0: number, x1: number, y1: number): void {
  eachPixel(image, x0, y0, x1, y1, (at) => {
    for (let i = at; i < at + 3; i++) image.data[i] = image.data[i]! * PLATE_BRIGHTNESS;
  });
}

/** The pixels of [x0, x1) x [y0, y1) that lie in the image. @param visit is given the offset of the pixel's first byte, x and y */
function eachPixel(
  { width, height }: Image,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  visit: (at: number, x: number, y: number) => void,
): void {
  for (let y = Math.max(0, y0); y < Math.min(height, y1); y++) {
    for (let x = Math.max(0, x0); x < Math.min(width, x1); x++) visit(3 * (y * width + x), x, y);
  }
}

const GLYPH_WIDTH = 5;
const GLYPH_HEIGHT = 7;
/** Dots between the text and the edge of its plate. */
const PADDING = 2;

/** On top of the box where there is room, else inside it; always in the frame as far as it fits. */
function drawLabel(image: Image, corner: Pick<FrameBox, 'x' | 'y'>, dot: number, colour: Colour, text: string): void {
  const { width, height } = plateSize(text, dot);
  const above = Math.round(corner.y) - dot - height;
  const left = clamp(Math.round(corner.x), image.width - width);
  const top = clamp(above >= 0 ? above : Math.round(corner.y) + dot, image.height - height);
  drawPlate(image, left, top, dot, colour, text);
}

function plateSize(text: string, dot: number): Size {
  return {
    width: (text.length * (GLYPH_WIDTH + 1) - 1 + 2 * PADDING) * dot,
    height: (GLYPH_HEIGHT + 2 * PADDING) * dot,
  };
}

/** Text on its plate, whose top left corner is given. */
function drawPlate(image: Image, left: number, top: number, dot: number, colour: Colour, text: string): void {
  const { width, height } = plateSize(text, dot);
  darken(image, left, top, left + width, top + height);
  [...text].forEach((character, index) => {
    const x = left + (PADDING + index * (GLYPH_WIDTH + 1)) * dot;
    drawGlyph(image, character, x, top + PADDING * dot, dot, colour);
  });
}

/** value, not above max, not below 0. */
const clamp = (value: number, max: number): number => Math.max(0, Math.min(max, value));

function drawGlyph(image: Image, character: string, left: number, top: number, dot: number, colour: Colour): void {
  const rows = GLYPHS[character]?.split(' ') ?? [];
  rows.forEach((bits, row) => {
    for (let column = 0; column < GLYPH_WIDTH; column++) {
      if (((Number.parseInt(bits, 16) >> (GLYPH_WIDTH - 1 - column)) & 1) === 0) continue;
      const x = left + column * dot;
      const y = top + row * dot;
      fill(image, x, y, x + dot, y + dot, colour);
    }
  });
}

/** The characters that labels are made of: seven rows from the top, five bits each, the left dot the highest. */
const GLYPHS: Readonly<Record<string, string>> = {
  '0': '0e 11 13 15 19 11 0e',
  '1': '04 0c 04 04 04 04 0e',
  '2': '0e 11 01 02 04 08 1f',
  '3': '1f 02 04 02 01 11 0e',
  '4': '02 06 0a 12 1f 02 02',
  '5': '1f 10 1e 01 01 11 0e',
  '6': '06 08 10 1e 11 11 0e',
  '7': '1f 01 02 04 08 08 08',
  '8': '0e 11 11 0e 11 11 0e',
  '9': '0e 11 11 0f 01 02 0c',
  '.': '00 00 00 00 00 0c 0c',
  '-': '00 00 00 1f 00 00 00',
  a: '00 00 0e 01 0f 11 0f',
  b: '10 10 16 19 11 11 1e',
  c: '00 00 0e 11 10 11 0e',
  d: '01 01 0d 13 11 11 0f',
  e: '00 00 0e 11 1f 10 0e',
  f: '06 09 08 1c 08 08 08',
  g: '00 0f 11 11 0f 01 0e',
  h: '10 10 16 19 11 11 11',
  i: '04 00 0c 04 04 04 0e',
  j: '02 00 06 02 02 12 0c',
  k: '10 10 12 14 18 14 12',
  l: '0c 04 04 04 04 04 0e',
  m: '00 00 1a 15 15 11 11',
  n: '00 00 16 19 11 11 11',
  o: '00 00 0e 11 11 11 0e',
  p: '00 00 1e 11 1e 10 10',
  q: '00 00 0d 13 0f 01 01',
  r: '00 00 16 19 10 10 10',
  s: '00 00 0e 10 0e 01 1e',
  t: '08 08 1c 08 08 09 06',
  u: '00 00 11 11 11 13 0d',
  v: '00 00 11 11 11 0a 04',
  w: '00 00 11 11 15 15 0a',
  x: '00 00 11 0a 04 0a 11',
  y: '00 00 11 11 0f 01 0e',
  z: '00 00 1f 02 04 08 1f',
};
