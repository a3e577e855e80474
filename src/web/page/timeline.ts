/** A lane of state colours for each object, and under them the curve of confidence. */
import type { WireRow } from '../messages.js';
import { fitCanvas, themed } from './colours.js';
import { confidenceOf, lastFrame, stateOf, type Model } from './model.js';

/** CSS pixels. */
const LEFT = 34;
const RIGHT = 10;
const LANE = 14;
const GAP = 4;
const CURVE = 84;
const TOP = 12;
const MARK = 5;
const FONT = '11px system-ui, sans-serif';

/** States that are hard to see in a narrow column are drawn over the others. */
const RANK = ['tracking', 'found', 'uncertain', 'lost'] as const;

/** Confidence below which an object is lost, and from which it is tracked (src/tracker/judge.ts). */
const LEVELS = [0.25, 0.5];

/** The height it wants, CSS pixels. */
export function timelineHeight({ objects }: Model): number {
  return TOP + Math.max(1, objects.size) * (LANE + GAP) + CURVE + 30;
}

export function drawTimeline(canvas: HTMLCanvasElement, model: Model): void {
  canvas.style.height = `${timelineHeight(model)}px`;
  const { context, width } = fitCanvas(canvas);
  const lanes = Math.max(1, model.objects.size);
  const curveTop = TOP + lanes * (LANE + GAP) + 12;
  const across = width - LEFT - RIGHT;
  const xOf = (frame: number): number => LEFT + ((frame + 0.5) / (lastFrame(model) + 1)) * across;
  context.font = FONT;
  context.textBaseline = 'middle';
  context.textAlign = 'right';

  [...model.objects.values()].forEach((object, lane) => {
    const y = TOP + lane * (LANE + GAP);
    const chosen = object.id === model.selected;
    context.fillStyle = themed(chosen ? '--text' : '--muted');
    context.font = `700 ${FONT}`;
    context.fillText(`${object.id}`, LEFT - 8, y + LANE / 2);
    context.font = FONT;
    context.fillStyle = themed('--track');
    context.fillRect(LEFT, y, across, LANE);
    eachColumn(model, object.rows, across, (x, rows) => {
      const state = RANK.findLast((one) => rows.some((row) => stateOf(row) === one));
      if (!state) return;
      context.fillStyle = themed(`--${state}`);
      context.fillRect(LEFT + x, y, 1.5, LANE);
    });
    context.fillStyle = themed('--text');
    for (const { frame } of object.marks) triangle(context, xOf(frame), y);
  });
  if (model.objects.size === 0) {
    context.fillStyle = themed('--track');
    context.fillRect(LEFT, TOP, across, LANE);
  }

  drawLevels(context, curveTop, width);
  for (const object of model.objects.values()) {
    const faint = model.selected !== undefined && object.id !== model.selected;
    drawCurve(context, model, object.rows, { top: curveTop, across, faint });
  }
  const cursor = xOf(model.shown);
  context.fillStyle = themed('--accent');
  context.fillRect(cursor - 1, TOP - 8, 2, curveTop + CURVE - TOP + 8);
  context.textAlign = cursor > width / 2 ? 'right' : 'left';
  context.fillText(`${model.shown}`, cursor + (cursor > width / 2 ? -4 : 4), curveTop + CURVE + 9);
}

/** For each column of pixels the rows of its frames. */
function eachColumn(
  model: Model,
  rows: readonly (WireRow | undefined)[],
  across: number,
  visit: (x: number, rows: readonly WireRow[]) => void,
): void {
  const total = lastFrame(model) + 1;
  const columns = Math.floor(across);
  for (let x = 0; x < columns; x++) {
    const from = Math.floor((x / columns) * total);
    const to = Math.max(from + 1, Math.floor(((x + 1) / columns) * total));
    const found = rows.slice(from, to).filter((row) => row !== undefined);
    if (found.length > 0) visit(x, found);
  }
}

function drawLevels(context: CanvasRenderingContext2D, top: number, width: number): void {
  context.textAlign = 'right';
  for (const level of [0, ...LEVELS, 1]) {
    const y = Math.round(top + (1 - level) * CURVE) + 0.5;
    context.strokeStyle = themed('--line');
    context.lineWidth = 1;
    context.setLineDash(LEVELS.includes(level) ? [3, 4] : []);
    context.beginPath();
    context.moveTo(LEFT, y);
    context.lineTo(width - RIGHT, y);
    context.stroke();
    context.fillStyle = themed('--muted');
    context.fillText(`${level}`, LEFT - 8, y);
  }
  context.setLineDash([]);
}

interface CurveStyle {
  readonly top: number;
  readonly across: number;
  readonly faint: boolean;
}

function drawCurve(
  context: CanvasRenderingContext2D,
  model: Model,
  rows: readonly (WireRow | undefined)[],
  { top, across, faint }: CurveStyle,
): void {
  context.strokeStyle = themed(faint ? '--muted' : '--text');
  context.globalAlpha = faint ? 0.5 : 1;
  context.lineWidth = faint ? 1 : 1.5;
  context.beginPath();
  const total = lastFrame(model) + 1;
  let last = -1;
  const lineTo = (at: number, x: number, confidence: number): void => {
    const y = top + (1 - confidence) * CURVE;
    if (at === last + 1 && at > 0) context.lineTo(LEFT + x, y);
    else context.moveTo(LEFT + x, y);
    last = at;
  };
  if (total > across) {
    eachColumn(model, rows, across, (x, found) => lineTo(x, x, Math.min(...found.map(confidenceOf))));
  } else {
    rows.forEach((row, frame) => {
      if (row) lineTo(frame, ((frame + 0.5) / total) * across, confidenceOf(row));
    });
  }
  context.stroke();
  context.globalAlpha = 1;
}

function triangle(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath();
  context.moveTo(x - MARK, y - MARK);
  context.lineTo(x + MARK, y - MARK);
  context.lineTo(x, y + 1);
  context.fill();
}

/** Goes to the frame under the pointer, while it is down. */
export function listenToTimeline(
  canvas: HTMLCanvasElement,
  model: Model,
  onSeek: (frame: number) => void,
  signal: AbortSignal,
): void {
  const seek = ({ clientX }: PointerEvent): void => {
    const { left, width } = canvas.getBoundingClientRect();
    const share = (clientX - left - LEFT) / (width - LEFT - RIGHT);
    onSeek(Math.floor(share * (lastFrame(model) + 1)));
  };
  canvas.addEventListener(
    'pointerdown',
    (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    },
    { signal },
  );
  canvas.addEventListener('pointermove', (event) => void (event.buttons & 1 && seek(event)), { signal });
}
