/**
 * CVAT's XML, read: "CVAT for video" (tracks) and "CVAT for images" (images), of a task, a job or a project.
 *
 * A track is filled in as CVAT does it (get_interpolated_shapes in cvat/apps/dataset_manager/annotation.py): between two boxes the corners move
 * evenly, the angle takes the shorter way, and the rest is the first one's; behind a box with outside="1" there is nothing until the next box;
 * the last box stands until the task ends. Boxes that are no keyframes were filled in by CVAT itself, and are taken as they are. Frame numbers
 * are those of the video, also of a task with a first frame and a step (abs_frame_id in bindings.py): only its frames are filled in.
 *
 * A box that is turned is covered by an upright one. Shapes that are no box count as what was left out, or their extent is taken.
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { messageOf, TrackerError } from '../../errors.js';
import type { FrameBox } from '../../geometry.js';
import type { TrackState } from '../../result.js';
import { parseNumber } from '../cells.js';
import {
  checkedRow,
  counted,
  invalid,
  isState,
  MAX_FILLED,
  noteSize,
  timeOf,
  type Media,
  type ReadContext,
  type ReadRow,
} from './format.js';
import { createFrameFinder } from './frame-names.js';
import { angleBetween, boxBetween, coverBoxes, coverPoints, coverTurned, type TurnedShape } from './shapes.js';

/** Texts of the children of <meta>, of a task or a job, by name. */
type Task = Map<string, string>;

/** A shape in one frame. */
interface Shape extends TurnedShape {
  readonly frame: number;
  readonly outside: boolean;
  readonly occluded: boolean;
  readonly attributes: ReadonlyMap<string, string>;
  readonly line: number;
}

interface Track {
  readonly id: number;
  readonly task: string | undefined;
  readonly shapes: Shape[];
}

/** A shape of a single image. */
interface LooseShape {
  /** Mostly undefined: nothing says which object it is. */
  readonly id: number | undefined;
  readonly task: string | undefined;
  readonly shape: Shape;
}

interface Image {
  readonly frame: number;
  readonly task: string | undefined;
}

interface Document {
  root: string;
  readonly tasks: Task[];
  readonly originalSize: Map<string, number>;
  readonly tracks: Track[];
  readonly loose: LooseShape[];
  images: number;
}

export function parseCvat(text: string, context: ReadContext): ReadRow[] {
  const document = readDocument(text, context);
  const { root, tasks, originalSize, tracks, loose } = document;
  const { where } = context;
  if (root !== 'annotations') throw invalid(where, `found <${root}>, expected <annotations> of CVAT`);
  noteSize(context, Object.fromEntries(originalSize));
  const wanted = chooseTask(document, context);
  const isWanted = ({ task }: { task: string | undefined }): boolean => wanted === undefined || task === wanted;
  const task = wanted === undefined && tasks.length === 1 ? tasks[0] : tasks.find((one) => one.get('id') === wanted);
  const frames = framesOf(task);
  let room = MAX_FILLED;
  const filled = tracks.filter(isWanted).flatMap((track) => {
    const rows = fillTrack(track, frames, context, room);
    room -= rows.length;
    return rows;
  });
  const rows = [...filled, ...loose.filter(isWanted).map(({ shape, id }) => rowOf(shape, id, context))];
  if (rows.length === 0) for (let i = 0; i < document.images; i++) context.skip('image', ' without a box');
  return rows;
}

// --- tasks ---

/** The task that is asked for, or the only one; undefined where the file does not tell them apart. @throws TrackerError DATA_INVALID */
function chooseTask({ tasks, tracks, loose }: Document, { task: asked, where }: ReadContext): string | undefined {
  const ids = [...new Set([...tracks, ...loose].map(({ task }) => task))];
  const nameOf = (id: string | undefined): string => {
    const name = tasks.find((task) => task.get('id') === id)?.get('name');
    return name === undefined ? `${id}` : `${id} (${name})`;
  };
  if (asked !== undefined) {
    const found = tasks.find((task) => task.get('id') === asked || task.get('name') === asked);
    if (found && ids.length === 1 && ids[0] === undefined) return undefined;
    const id = found?.get('id') ?? ids.find((one) => one === asked);
    if (id !== undefined) return id;
    const known = tasks.map((task) => nameOf(task.get('id'))).join(', ') || 'none that is named';
    throw invalid(where, `task "${asked}": found ${known}`, undefined, 'give one of these with --task');
  }
  if (ids.length <= 1) return ids[0];
  throw invalid(
    where,
    `found ${counted(ids.length, 'task')}, each with frames of its own: ${ids.map(nameOf).join(', ')}; expected one`,
    undefined,
    'choose one: ebm-tracker convert IN OUT --task ID; or export the task instead of the project',
  );
}

/** Frames that a task has: from first to last, each step-th. */
interface Frames {
  readonly first: number;
  readonly step: number;
  /** Undefined where the file does not tell. */
  readonly last: number | undefined;
}

function framesOf(task: Task | undefined): Frames {
  const whole = (name: string): number | undefined => {
    const value = parseNumber(task?.get(name)?.trim() ?? '');
    return value !== undefined && Number.isInteger(value) && value >= 0 ? value : undefined;
  };
  const first = whole('start_frame') ?? 0;
  const step = Math.max(1, Number(/step\s*=\s*(\d+)/.exec(task?.get('frame_filter') ?? '')?.[1] ?? 1));
  const size = whole('size');
  const last = whole('stop_frame') ?? (size === undefined || size === 0 ? undefined : first + (size - 1) * step);
  return { first, step, last };
}

// --- tracks ---

function fillTrack(
  { id, shapes }: Track,
  { first, step, last }: Frames,
  context: ReadContext,
  room: number,
): ReadRow[] {
  const sorted = shapes.toSorted((a, b) => a.frame - b.frame);
  const rows: ReadRow[] = [];
  for (const [i, shape] of sorted.entries()) {
    rows.push(rowOf(shape, id, context));
    const next = sorted[i + 1];
    if (shape.outside) continue;
    const stands = last ?? lastFrameOf(context.media);
    if (!next && stands === undefined) context.note(`line ${shape.line}: ${NO_END}`);
    const end = next?.frame ?? (stands ?? shape.frame) + 1;
    if (rows.length + (end - shape.frame) / step > room)
      throw invalid(`${context.where}, line ${shape.line}`, `more than ${MAX_FILLED} boxes between keyframes`);
    for (let frame = onGrid(shape.frame + 1, first, step); frame < end; frame += step)
      rows.push(rowOf(next ? between(shape, next, frame) : { ...shape, frame }, id, context));
  }
  return rows;
}

const NO_END = 'this last box of its track stands until the video ends, but nothing tells its length: give the video';

const lastFrameOf = ({ frameCount }: Media): number | undefined =>
  frameCount === undefined ? undefined : frameCount - 1;

/** The first frame of a task that is not before one. */
function onGrid(frame: number, first: number, step: number): number {
  return first + Math.ceil((frame - first) / step) * step;
}

function between(a: Shape, b: Shape, frame: number): Shape {
  const share = (frame - a.frame) / (b.frame - a.frame);
  return { ...a, frame, box: boxBetween(a.box, b.box, share), rotation: angleBetween(a.rotation, b.rotation, share) };
}

function rowOf(shape: Shape, id: number | undefined, { media, where }: ReadContext): ReadRow {
  const { frame, line, attributes } = shape;
  const state = stateOf(shape);
  const place = `${where}, line ${line}`;
  const given = attributes.get('confidence');
  const confidence = given === undefined || state === 'lost' ? Number(state !== 'lost') : parseNumber(given.trim());
  if (confidence === undefined) throw invalid(place, `confidence: found "${given}", expected a number`);
  const box = coverTurned(shape);
  return checkedRow({ frame, time: timeOf(frame, media), id, box, confidence, state, at: line }, place);
}

/** The flags count: people set them, and leave our attribute as it was. */
function stateOf({ outside, occluded, attributes }: Shape): TrackState {
  if (outside) return 'lost';
  if (occluded) return 'uncertain';
  const said = attributes.get('state');
  return isState(said) && said !== 'lost' && said !== 'uncertain' ? said : 'tracking';
}

// --- the XML ---

/** Elements that are shapes, and what they are called. */
const SHAPES: Readonly<Record<string, string>> = {
  box: 'box',
  ellipse: 'ellipse',
  polygon: 'polygon',
  polyline: 'polyline',
  points: 'point set',
  mask: 'mask',
  cuboid: 'cuboid',
  skeleton: 'skeleton',
};

interface OpenShape {
  readonly name: string;
  readonly tag: Readonly<Record<string, string>>;
  readonly line: number;
  readonly attributes: Map<string, string>;
  /** Boxes about the visible parts of a skeleton. */
  readonly parts: FrameBox[];
}

interface Reading {
  readonly document: Document;
  readonly findFrame: (name: string) => number | undefined;
  /** Names of the elements that are open. */
  readonly path: string[];
  track: Track | undefined;
  image: Image | undefined;
  /** The shape that is open, and within a skeleton its part. */
  readonly shapes: OpenShape[];
  /** Name of the attribute that is open. */
  attribute: string | undefined;
  text: string;
}

/** Entities of the file's own are refused by the parser, and none is ever fetched. @throws TrackerError DATA_INVALID */
function readDocument(text: string, context: ReadContext): Document {
  const { where } = context;
  const document: Document = { root: '', tasks: [], originalSize: new Map(), tracks: [], loose: [], images: 0 };
  const reading: Reading = {
    document,
    findFrame: createFrameFinder(context.media),
    path: [],
    track: undefined,
    image: undefined,
    shapes: [],
    attribute: undefined,
    text: '',
  };
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw invalid(where, `no whole XML: ${error.message}`, error);
  });
  parser.on('opentag', (tag) => open(tag, reading, context, parser.line));
  parser.on('text', (chunk) => {
    reading.text += chunk;
  });
  parser.on('closetag', ({ name }) => close(name, reading, context));
  try {
    parser.write(text).close();
  } catch (error) {
    if (error instanceof TrackerError) throw error;
    throw invalid(where, `no whole XML: ${messageOf(error)}`, error);
  }
  return document;
}

function open({ name, attributes }: SaxesTagPlain, reading: Reading, context: ReadContext, line: number): void {
  const { document, path } = reading;
  const here = `${context.where}, line ${line}`;
  document.root ||= name;
  path.push(name);
  reading.text = '';
  if (path[1] === 'meta') {
    if (name === 'task' || name === 'job') document.tasks.push(new Map());
    return;
  }
  const task = attributes['task_id'];
  if (name === 'track') {
    reading.track = { id: numberOf(attributes, 'id', here), task, shapes: [] };
    document.tracks.push(reading.track);
  } else if (name === 'image') {
    // its place in the folder that the video is, else its number
    const frame = reading.findFrame(attributes['name'] ?? '') ?? numberOf(attributes, 'id', here);
    reading.image = { frame, task };
    noteImageSize(attributes, document, context);
  } else if (name === 'attribute') reading.attribute = attributes['name'] ?? '';
  else if (name === 'tag') context.skip('tag');
  else if (Object.hasOwn(SHAPES, name) && (reading.track || reading.image))
    reading.shapes.push({ name, tag: attributes, line, attributes: new Map(), parts: [] });
}

/** Notes if the first image has another size than the video; one note is enough. */
function noteImageSize(attributes: Readonly<Record<string, string>>, document: Document, context: ReadContext): void {
  const [width, height] = [parseNumber(attributes['width'] ?? ''), parseNumber(attributes['height'] ?? '')];
  if (document.images++ === 0 && width !== undefined && height !== undefined) noteSize(context, { width, height });
}

function close(name: string, reading: Reading, context: ReadContext): void {
  const { document, path, shapes, text } = reading;
  path.pop();
  reading.text = '';
  if (path[1] === 'meta') return closeMeta(name, path.at(-1)!, text, document);
  if (name === 'track') reading.track = undefined;
  else if (name === 'image') reading.image = undefined;
  else if (name === 'attribute' && reading.attribute !== undefined) {
    shapes.at(-1)?.attributes.set(reading.attribute, text);
    reading.attribute = undefined;
  } else if (name === shapes.at(-1)?.name) closeShape(shapes.pop()!, reading, context);
}

function closeMeta(name: string, parent: string, text: string, { tasks, originalSize }: Document): void {
  if (parent === 'task' || parent === 'job') tasks.at(-1)?.set(name, text.trim());
  const value = parseNumber(text.trim());
  if (parent === 'original_size' && value !== undefined) originalSize.set(name, value);
}

function closeShape(open: OpenShape, reading: Reading, context: ReadContext): void {
  const { name, tag, line, attributes, parts } = open;
  const { where, extent, skip, take } = context;
  const here = `${where}, line ${line}`;
  const whole = reading.shapes.at(-1);
  if (whole) {
    const part = isSet(tag['outside']) || !extent ? undefined : turnedShape(name, tag, [], here);
    if (part) whole.parts.push(coverTurned(part));
    return;
  }
  if (name !== 'box' && !extent) return skip(SHAPES[name]!);
  const turned = turnedShape(name, tag, parts, here);
  const frame = reading.image ? reading.image.frame : numberOf(tag, 'frame', here);
  const shape: Shape = {
    // of a skeleton that is out of sight nothing tells a place: it stays where it was
    ...(turned ?? { box: reading.track?.shapes.at(-1)?.box ?? NO_BOX, rotation: 0 }),
    frame,
    outside: isSet(tag['outside']) || !turned,
    occluded: isSet(tag['occluded']),
    attributes,
    line,
  };
  if (name !== 'box') take(SHAPES[name]!);
  if (reading.track) reading.track.shapes.push(shape);
  else reading.document.loose.push({ id: imageTrack(attributes), task: reading.image?.task, shape });
}

const NO_BOX: FrameBox = { x: 0, y: 0, w: 0, h: 0 };

const isSet = (flag: string | undefined): boolean => flag === '1' || flag?.toLowerCase() === 'true';

/** Some labels have the number of the track as an attribute. */
function imageTrack(attributes: ReadonlyMap<string, string>): number | undefined {
  const id = parseNumber(attributes.get('track_id')?.trim() ?? '');
  return id !== undefined && Number.isSafeInteger(id) && id >= 0 ? id : undefined;
}

/** Undefined of a skeleton of which nothing is to be seen. @throws TrackerError DATA_INVALID */
function turnedShape(
  name: string,
  tag: Readonly<Record<string, string>>,
  parts: readonly FrameBox[],
  here: string,
): TurnedShape | undefined {
  const values = (names: string): number[] => names.split(' ').map((one) => numberOf(tag, one, here));
  const rotation = tag['rotation'] === undefined ? 0 : numberOf(tag, 'rotation', here);
  if (name === 'box') {
    const [x = 0, y = 0, right = 0, bottom = 0] = values('xtl ytl xbr ybr');
    return { box: { x, y, w: right - x, h: bottom - y }, rotation };
  }
  if (name === 'ellipse') {
    const [cx = 0, cy = 0, rx = 0, ry = 0] = values('cx cy rx ry');
    return { box: { x: cx - rx, y: cy - ry, w: 2 * rx, h: 2 * ry }, rotation, ellipse: true };
  }
  if (name === 'mask') {
    const [x = 0, y = 0, w = 0, h = 0] = values('left top width height');
    return { box: { x, y, w, h }, rotation: 0 };
  }
  const box =
    name === 'skeleton' ? coverBoxes(parts) : coverPoints(name === 'cuboid' ? values(CUBOID) : pointsOf(tag, here));
  return box && { box, rotation: 0 };
}

const CUBOID = ['xtl1 ytl1 xbl1 ybl1 xtr1 ytr1 xbr1 ybr1', 'xtl2 ytl2 xbl2 ybl2 xtr2 ytr2 xbr2 ybr2'].join(' ');

/** points="x1,y1;x2,y2" */
function pointsOf(tag: Readonly<Record<string, string>>, here: string): number[] {
  const text = tag['points'] ?? '';
  return text.split(/[,;]/).map((cell) => {
    const value = parseNumber(cell.trim());
    if (value !== undefined && Number.isFinite(value)) return value;
    throw invalid(here, `points: found "${text}", expected x1,y1;x2,y2 and so on`);
  });
}

function numberOf(attributes: Readonly<Record<string, string>>, name: string, here: string): number {
  const text = attributes[name]?.trim() ?? '';
  const value = parseNumber(text);
  if (value !== undefined && Number.isFinite(value)) return value;
  throw invalid(here, `${name}: found "${text}", expected a number`);
}
