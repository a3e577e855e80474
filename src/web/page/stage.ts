/** The frame with the boxes over it, and the drawing of a box. */
import type { FrameBox, Size } from '../../geometry.js';
import { fitCanvas, ON_PICTURE } from './colours.js';
import { boxOf, confidenceOf, stateOf, type Model } from './model.js';

export interface StageHandlers {
  /** A drag or a click begins: the picture is to stay. */
  readonly onBegin: () => void;
  /** A box was drawn, in pixels of the frame. */
  readonly onDraw: (box: FrameBox) => void;
  /** Clicked without drawing. */
  readonly onClick: (x: number, y: number) => void;
  readonly onChange: () => void;
}

/** Place of the frame on the canvas: left and top in CSS pixels, scale in CSS pixels a frame pixel. */
interface Place {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

/** A drag of fewer CSS pixels is a click. */
const MIN_DRAG = 4;
const FONT = '600 12px system-ui, sans-serif';

/** A pixel of the frame gets no larger than this, CSS pixels. */
const MAX_SCALE = 32;

function placeOf({ video, zoom, centre }: Model, canvas: Size): Place {
  const whole = Math.min(canvas.width / video.width, canvas.height / video.height);
  const scale = whole * zoom;
  /** In the middle where there is room, otherwise without a gap at the edges. */
  const edge = (middle: number, extent: number, room: number): number =>
    extent * scale <= room
      ? (room - extent * scale) / 2
      : Math.min(0, Math.max(room - extent * scale, room / 2 - middle * scale));
  return {
    left: edge(centre.x, video.width, canvas.width),
    top: edge(centre.y, video.height, canvas.height),
    scale,
  };
}

/** Zooms by a factor; the point of the frame stays where it is seen. */
export function zoomBy(canvas: HTMLCanvasElement, model: Model, factor: number, point: { x: number; y: number }): void {
  const size = { width: canvas.clientWidth, height: canvas.clientHeight };
  const before = placeOf(model, size);
  const seen = { x: before.left + point.x * before.scale, y: before.top + point.y * before.scale };
  const most = (MAX_SCALE / before.scale) * model.zoom;
  model.zoom = Math.min(Math.max(1, most), Math.max(1, model.zoom * factor));
  const { scale } = placeOf(model, size);
  model.centre = {
    x: point.x + (size.width / 2 - seen.x) / scale,
    y: point.y + (size.height / 2 - seen.y) / scale,
  };
}

/** @param picture of the shown frame; may be smaller than the frame */
export function drawStage(canvas: HTMLCanvasElement, model: Model, picture: ImageBitmap | undefined): void {
  const { context, width, height } = fitCanvas(canvas);
  const place = placeOf(model, { width, height });
  const { left, top, scale } = place;
  // single pixels are to be seen as such
  context.imageSmoothingEnabled = scale < 4;
  if (picture) context.drawImage(picture, left, top, model.video.width * scale, model.video.height * scale);
  context.save();
  context.beginPath();
  context.rect(left, top, model.video.width * scale, model.video.height * scale);
  context.clip();
  for (const object of model.objects.values()) {
    const row = object.rows[model.shown];
    if (!row) continue;
    const drawn = object.marks.some(({ frame }) => frame === model.shown);
    const state = stateOf(row);
    const what = drawn ? 'drawn' : `${state} ${confidenceOf(row).toFixed(2)}`;
    const style = { colour: ON_PICTURE[state], dashed: state === 'lost', thick: object.id === model.selected };
    drawBox(context, place, boxOf(row), style, `${object.id}  ${what}`);
  }
  if (model.draft) {
    const { w, h } = model.draft;
    const style = { colour: 'white', dashed: true, thick: false };
    drawBox(context, place, model.draft, style, `${Math.round(w)} x ${Math.round(h)}`);
  }
  context.restore();
}

interface BoxStyle {
  readonly colour: string;
  readonly dashed: boolean;
  readonly thick: boolean;
}

function drawBox(
  context: CanvasRenderingContext2D,
  { left, top, scale }: Place,
  box: FrameBox,
  { colour, dashed, thick }: BoxStyle,
  label: string,
): void {
  const [x, y, w, h] = [left + box.x * scale, top + box.y * scale, box.w * scale, box.h * scale];
  const line = thick ? 3 : 2;
  context.lineJoin = 'miter';
  context.setLineDash([]);
  context.strokeStyle = 'rgb(0 0 0 / 0.6)';
  context.lineWidth = line + 2;
  context.strokeRect(x, y, w, h);
  context.setLineDash(dashed ? [7, 5] : []);
  context.strokeStyle = colour;
  context.lineWidth = line;
  context.strokeRect(x, y, w, h);
  context.setLineDash([]);
  drawLabel(context, label, x, y, { left: Math.max(0, left), top: Math.max(0, top) }, colour);
}

/** On top of the box where there is room, else inside it. */
function drawLabel(
  context: CanvasRenderingContext2D,
  label: string,
  x: number,
  y: number,
  edge: Pick<Place, 'left' | 'top'>,
  colour: string,
): void {
  context.font = FONT;
  const width = context.measureText(label).width + 10;
  const [at, up] = [Math.max(edge.left, x - 1), y - 21 >= edge.top ? y - 21 : Math.max(edge.top, y + 3)];
  context.fillStyle = 'rgb(0 0 0 / 0.75)';
  context.fillRect(at, up, width, 18);
  context.fillStyle = colour;
  context.textBaseline = 'middle';
  context.fillText(label, at + 5, up + 9.5);
}

/** Drawing with mouse, pen or finger. */
// oxlint-disable-next-line max-lines-per-function -- the events of one drag, on its two starting points
export function listenToStage(
  canvas: HTMLCanvasElement,
  model: Model,
  handlers: StageHandlers,
  signal: AbortSignal,
): void {
  let from: { x: number; y: number } | undefined;
  const inFrame = (event: MouseEvent): { x: number; y: number; scale: number } => {
    const { left, top, scale } = placeOf(model, { width: canvas.clientWidth, height: canvas.clientHeight });
    const bounds = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - bounds.left - left) / scale, (event.clientY - bounds.top - top) / scale];
    return { x: clamp(x, model.video.width), y: clamp(y, model.video.height), scale };
  };
  const spanned = (event: PointerEvent): FrameBox | undefined => {
    if (!from) return undefined;
    const to = inFrame(event);
    const [w, h] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
    if (Math.max(w, h) * to.scale < MIN_DRAG || Math.min(w, h) < 1) return undefined;
    return { x: Math.min(from.x, to.x), y: Math.min(from.y, to.y), w, h };
  };
  const listen = (
    type: 'pointerdown' | 'pointermove' | 'pointerup' | 'pointercancel',
    on: (e: PointerEvent) => void,
  ): void => canvas.addEventListener(type, on, { signal });
  let panned: { x: number; y: number } | undefined;
  listen('pointerdown', (event) => {
    const pans = event.button === 1 || (event.button === 0 && event.shiftKey);
    if (event.button !== 0 && !pans) return;
    canvas.setPointerCapture(event.pointerId);
    if (pans) {
      event.preventDefault();
      panned = { x: event.clientX, y: event.clientY };
      return;
    }
    handlers.onBegin();
    from = inFrame(event);
  });
  listen('pointermove', (event) => {
    if (panned) {
      const { scale } = inFrame(event);
      const { x, y } = model.centre;
      model.centre = { x: x - (event.clientX - panned.x) / scale, y: y - (event.clientY - panned.y) / scale };
      panned = { x: event.clientX, y: event.clientY };
    } else if (from) model.draft = spanned(event);
    else return;
    handlers.onChange();
  });
  listen('pointerup', (event) => {
    const [box, start] = [spanned(event), from];
    from = undefined;
    panned = undefined;
    if (box) handlers.onDraw(box);
    else if (start) handlers.onClick(start.x, start.y);
  });
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      zoomBy(canvas, model, Math.exp(-event.deltaY / 300), inFrame(event));
      handlers.onChange();
    },
    { signal, passive: false },
  );
  listen('pointercancel', () => {
    from = undefined;
    panned = undefined;
    model.draft = undefined;
    handlers.onChange();
  });
}

const clamp = (value: number, max: number): number => Math.min(max, Math.max(0, value));

/** The smallest object whose box of the shown frame holds the point. */
export function objectAt(model: Model, x: number, y: number): number | undefined {
  const hits = [...model.objects.values()].flatMap(({ id, rows }) => {
    const row = rows[model.shown];
    const box = row && boxOf(row);
    const inside = box && x >= box.x && x <= box.x + box.w && y >= box.y && y <= box.y + box.h;
    return inside ? [{ id, area: box.w * box.h }] : [];
  });
  return hits.toSorted((a, b) => a.area - b.area)[0]?.id;
}
