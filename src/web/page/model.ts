/** State of the page for the video that is open. */
import type { FrameBox } from '../../geometry.js';
import {
  STATES,
  type ObjectData,
  type ObjectRows,
  type VideoData,
  type VideoEvent,
  type WireRow,
} from '../messages.js';
import type { TrackState } from '../../result.js';

export interface ObjectView extends ObjectData {
  /** By frame. */
  readonly rows: (WireRow | undefined)[];
}

export interface Model {
  readonly id: string;
  video: VideoData;
  readonly objects: Map<number, ObjectView>;
  /** A box drawn now corrects it; undefined: it is a new object. */
  selected: number | undefined;
  /** The frame that is asked for. */
  frame: number;
  /** The frame that is seen. */
  shown: number;
  /** When it is shown, seconds from the first; undefined where that is not known. */
  shownTime: number | undefined;
  /** 1: the whole frame is seen. */
  zoom: number;
  /** The point of the frame in the middle of the view, pixels, where it is zoomed. */
  centre: { readonly x: number; readonly y: number };
  /** The box that is being drawn. */
  draft: FrameBox | undefined;
  /** The view goes along with the tracking. */
  following: boolean;
  playing: boolean;
  /** Steps that can be undone. */
  undo: number;
}

export function createModel(id: string, video: VideoData): Model {
  return {
    id,
    video,
    objects: new Map(),
    selected: undefined,
    frame: 0,
    shown: 0,
    shownTime: undefined,
    zoom: 1,
    centre: { x: video.width / 2, y: video.height / 2 },
    draft: undefined,
    following: video.live ?? false,
    playing: false,
    undo: 0,
  };
}

/** Takes in what the server told. */
export function applyEvent(model: Model, event: VideoEvent): void {
  const { objects } = model;
  switch (event.type) {
    case 'snapshot':
      model.video = event.video;
      model.undo = event.undo;
      objects.clear();
      for (const object of event.objects) objects.set(object.id, toView(object));
      break;
    case 'video':
      model.video = event.video;
      break;
    case 'object':
      objects.set(event.object.id, toView(event.object));
      break;
    case 'status': {
      const rows = objects.get(event.object.id)?.rows ?? [];
      objects.set(event.object.id, { ...event.object, rows });
      break;
    }
    case 'rows': {
      const rows = objects.get(event.object)?.rows;
      if (rows) for (const row of event.rows) rows[row[0]] = row;
      break;
    }
    case 'gone':
      objects.delete(event.object);
      break;
    case 'undo':
      model.undo = event.steps;
      break;
    case 'picture':
    case 'failed':
      break;
  }
  if (model.selected !== undefined && !objects.has(model.selected)) model.selected = undefined;
}

function toView({ rows, ...object }: ObjectRows): ObjectView {
  const byFrame: (WireRow | undefined)[] = [];
  for (const row of rows) byFrame[row[0]] = row;
  return { ...object, rows: byFrame };
}

export const lastFrame = ({ video }: Model): number => Math.max(0, video.frames - 1);

export const stateOf = (row: WireRow): TrackState => STATES[row[7]]!;

export const confidenceOf = (row: WireRow): number => row[6];

export function boxOf([, , x, y, w, h]: WireRow): FrameBox {
  return { x, y, w, h };
}

export const isRunning = ({ objects }: Model): boolean => [...objects.values()].some(({ running }) => running);

/** The next frame, in a direction, in which an object begins to be in doubt or lost; undefined: there is none. */
export function nextDoubt({ objects, frame, video }: Model, step: 1 | -1): number | undefined {
  const doubtful = (at: number): boolean =>
    [...objects.values()].some(({ rows }) => isDoubtful(rows[at]) && !isDoubtful(rows[at - 1]));
  for (let at = frame + step; at >= 0 && at < video.frames; at += step) if (doubtful(at)) return at;
  return undefined;
}

function isDoubtful(row: WireRow | undefined): boolean {
  return row !== undefined && (stateOf(row) === 'lost' || stateOf(row) === 'uncertain');
}
