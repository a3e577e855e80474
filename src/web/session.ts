/** One opened video: the objects that were drawn in it, their results, and the tracking that is at work. It goes on without a page. */
import { TrackerError, messageOf } from '../errors.js';
import { checkFirstBox, type FrameBox } from '../geometry.js';
import type { BoxRow } from '../io/boxes.js';
import type { SeekableVideo } from '../video/seek.js';
import type { TrackRow } from './formats.js';
import type { FrameStore } from './frames.js';
import type { Limit } from './limit.js';
import {
  STATES,
  type Mark,
  type ObjectData,
  type ObjectRows,
  type VideoData,
  type VideoEvent,
  type WireRow,
} from './messages.js';
import { trackObjects, type TrackerPool } from './track-objects.js';

export interface Session {
  data(): VideoData;
  /**
   * A new object, or a correction of one that is there: what was tracked before that frame stays, what follows, up to the next drawn box, goes.
   * Of an object that tracking was started for it is tracked on at once.
   * @returns the object's number
   * @throws TrackerError BOX_INVALID, OPTION_INVALID
   */
  draw(frame: number, box: FrameBox, object?: number): number;
  /** @throws TrackerError OPTION_INVALID where there is none */
  remove(object: number): void;
  /** Takes back the last draw() or remove(). @returns false where there is none */
  undo(): boolean;
  /** Tracks whatever is not tracked yet. Returns at once. */
  start(): void;
  /** Ends all tracking; what was tracked stays. */
  stop(): void;
  /** Told of everything from now on, a snapshot first. @returns to be called to end it */
  subscribe(listener: (event: VideoEvent) => void): () => void;
  /** Nobody has drawn in it, and nobody looks. */
  isIdle(): boolean;
  /** Frame by frame, and by object within a frame. */
  rows(): TrackRow[];
  /** Settles when no tracking is at work. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

interface Track {
  readonly id: number;
  /** In order of frames. */
  marks: readonly Mark[];
  /** By frame. */
  rows: (BoxRow | undefined)[];
  /** Tracking was started for it: a correction tracks on by itself. */
  started: boolean;
  /** The boxes from which it is tracked just now. */
  readonly running: Set<Mark>;
}

type Step =
  | {
      readonly kind: 'draw';
      readonly id: number;
      readonly mark: Mark;
      readonly replaced: Mark | undefined;
      readonly rows: readonly (BoxRow | undefined)[];
    }
  | { readonly kind: 'remove'; readonly track: Track };

/** What is tracked from a drawn box on. */
interface Target {
  readonly track: Track;
  readonly mark: Mark;
}

const MAX_OBJECTS = 16;
const MAX_MARKS = 1000;
const MAX_STEPS = 100;
/** Milliseconds in which rows are gathered before they are sent. */
const FLUSH_MS = 80;
/** Milliseconds from one word on how many frames were counted so far to the next. */
const COUNT_MS = 500;
/** Milliseconds from one frame that is kept for those who watch to the next. */
const SHOW_MS = 150;

export interface SessionOptions {
  /** Relative to the root. */
  readonly path: string;
  readonly video: SeekableVideo;
  readonly frames: FrameStore;
  readonly pool: TrackerPool;
  /** Of all videos: how many trackings are at work at once. */
  readonly limit: Limit;
}

export function createSession({ path, video, frames, pool, limit }: SessionOptions): Session {
  const tracks = new Map<number, Track>();
  const steps: Step[] = [];
  const listeners = new Set<(event: VideoEvent) => void>();
  const jobs = new Map<Promise<void>, AbortController>();
  const waiting = new Map<number, WireRow[]>();
  let flushTimer: NodeJS.Timeout | undefined;
  let lastId = 0;
  let told: VideoData | undefined;
  /** Where reading has come to an end. */
  let end: number | undefined;

  // --- telling ---

  const data = (): VideoData => {
    const { width, height, fps } = video;
    const notes = [...video.notes];
    const frames = end ?? video.frameCount();
    return { path, width, height, fps, frames, counted: end !== undefined || video.isCounted(), notes };
  };
  const emit = (event: VideoEvent): void => {
    for (const listener of listeners) listener(event);
  };
  const flush = (): void => {
    clearTimeout(flushTimer);
    flushTimer = undefined;
    for (const [object, rows] of waiting) emit({ type: 'rows', object, rows });
    waiting.clear();
  };
  const status = (track: Track): ObjectData => ({
    id: track.id,
    marks: track.marks,
    running: track.running.size > 0,
    complete: track.marks.every((mark) => isTracked(track, mark)),
  });
  const whole = (track: Track): ObjectRows => ({ ...status(track), rows: track.rows.filter(isRow).map(toWire) });
  const tellObject = (track: Track): void => {
    waiting.delete(track.id);
    emit({ type: 'object', object: whole(track) });
  };
  const tellStatus = (track: Track): void => {
    flush();
    if (tracks.get(track.id) === track) emit({ type: 'status', object: status(track) });
  };
  const put = (track: Track, row: BoxRow): void => {
    track.rows[row.frame] = row;
    const rows = waiting.get(track.id);
    if (rows) rows.push(toWire(row));
    else waiting.set(track.id, [toWire(row)]);
    flushTimer ??= setTimeout(flush, FLUSH_MS);
  };
  const tellVideo = (): void => {
    const known = data();
    const isSame = known.frames === told?.frames && known.counted === told.counted;
    if (isSame && known.notes.length === told?.notes.length) return;
    told = known;
    emit({ type: 'video', video: known });
  };
  // counting may take as long as decoding the whole video does
  const countTimer = setInterval(tellVideo, COUNT_MS);
  void video.counted.then(tellVideo);

  // --- drawing ---

  /** Number of the frame behind the last one that is tracked from this box; Infinity where the end is not known. */
  const endOf = ({ marks }: Track, mark: Mark): number => marks[marks.indexOf(mark) + 1]?.frame ?? end ?? Infinity;
  const isTracked = (track: Track, mark: Mark): boolean => {
    const total = data().frames || Infinity; // 0: the file does not tell
    return track.rows[Math.min(endOf(track, mark), total) - 1] !== undefined;
  };
  const remember = (step: Step): void => {
    steps.push(step);
    if (steps.length > MAX_STEPS) steps.shift();
    emit({ type: 'undo', steps: steps.length });
  };
  const find = (object: number): Track => {
    const track = tracks.get(object);
    if (track) return track;
    throw new TrackerError('OPTION_INVALID', `object ${object}: there is none`, {
      hint: 'choose one that is there, or draw a new one',
    });
  };
  const addTrack = (): Track => {
    if (tracks.size >= MAX_OBJECTS) throw tooMany(`${MAX_OBJECTS} objects`);
    const track: Track = { id: ++lastId, marks: [], rows: [], started: false, running: new Set() };
    tracks.set(track.id, track);
    return track;
  };

  const undoDraw = (track: Track, { mark, replaced, rows }: Step & { kind: 'draw' }): void => {
    const others = track.marks.filter((other) => other !== mark);
    track.marks = byFrame(replaced ? [...others, replaced] : others);
    for (const [i, row] of rows.entries()) track.rows[mark.frame + i] = row;
    if (track.marks.length > 0) return tellObject(track);
    forget(track);
  };
  const forget = (track: Track): void => {
    tracks.delete(track.id);
    waiting.delete(track.id);
    emit({ type: 'gone', object: track.id });
  };

  // --- tracking ---

  const launch = (targets: readonly Target[]): void => {
    const abort = new AbortController();
    for (const { track, mark } of targets) track.running.add(mark);
    const job: Promise<void> = limit
      .run(() => trackAll(targets, abort.signal))
      .catch((error: unknown) => {
        const hint = error instanceof TrackerError ? error.hint : 'this is a fault of ebm-tracker; please report it';
        emit({ type: 'failed', message: messageOf(error), hint });
      })
      .finally(() => {
        jobs.delete(job);
        for (const { track, mark } of targets) {
          track.running.delete(mark);
          tellStatus(track);
        }
      });
    jobs.set(job, abort);
  };

  const trackAll = async (targets: readonly Target[], signal: AbortSignal): Promise<void> => {
    const byId = new Map(targets.map((target) => [target.track.id, target]));
    const wanted = (id: number, frame: number): boolean => {
      const target = byId.get(id);
      const stays = target && tracks.get(id) === target.track && target.track.marks.includes(target.mark);
      if (stays && frame < endOf(target.track, target.mark)) return true;
      if (target?.track.running.delete(target.mark)) tellStatus(target.track);
      return false;
    };
    const { frame: first } = targets[0]!.mark;
    const boxes = new Map(targets.map(({ track, mark }) => [track.id, mark.box]));
    let shown = 0;
    let last = -1;
    if (signal.aborted) return;
    for await (const { image, results } of trackObjects(pool, { frames: video.frames(first, signal), boxes, wanted })) {
      if (signal.aborted) return;
      last = image.index;
      for (const [id, result] of results) {
        // drawn anew or taken away while this frame was at work
        if (wanted(id, last)) put(byId.get(id)!.track, { ...result, frame: last, time: image.time });
      }
      if (listeners.size > 0 && performance.now() - shown > SHOW_MS) {
        shown = performance.now();
        await frames.offer(image);
        flush();
        emit({ type: 'picture', frame: last, objects: [...results.keys()] });
      }
    }
    const toTheEnd = targets.some(({ track, mark }) => track.running.has(mark));
    if (!signal.aborted && toTheEnd && last >= 0) reachedEnd(last + 1);
  };

  const reachedEnd = (frameCount: number): void => {
    if (end === frameCount) return;
    end = frameCount;
    tellVideo();
  };

  const session: Session = {
    data,
    draw(frame, box, object) {
      const size = data();
      if (frame < 0 || (size.counted && size.frames > 0 && frame >= size.frames)) {
        throw new TrackerError('OPTION_INVALID', `frame ${frame}: expected 0 to ${size.frames - 1}`, {
          hint: 'draw in a frame of the video',
        });
      }
      const mark = { frame, box: checkFirstBox(box, video) };
      const track = object === undefined ? addTrack() : find(object);
      if (track.marks.length >= MAX_MARKS) throw tooMany(`${MAX_MARKS} drawn boxes an object`);
      const replaced = track.marks.find((other) => other.frame === frame);
      track.marks = byFrame([...track.marks.filter((other) => other !== replaced), mark]);
      const until = Math.min(endOf(track, mark), Math.max(track.rows.length, frame + 1));
      remember({ kind: 'draw', id: track.id, mark, replaced, rows: copyRows(track, frame, until) });
      for (let i = frame; i < until; i++) track.rows[i] = undefined;
      const time = video.timeOf(frame) ?? frame / video.fps;
      track.rows[frame] = { frame, time, box: mark.box, confidence: 1, state: 'tracking' };
      if (track.started) launch([{ track, mark }]);
      else pool.warm();
      tellObject(track);
      return track.id;
    },
    remove(object) {
      const track = find(object);
      forget(track);
      remember({ kind: 'remove', track });
    },
    undo() {
      const step = steps.pop();
      if (!step) return false;
      if (step.kind === 'remove') {
        tracks.set(step.track.id, step.track);
        tellObject(step.track);
      } else {
        const track = tracks.get(step.id);
        if (track) undoDraw(track, step);
      }
      emit({ type: 'undo', steps: steps.length });
      return true;
    },
    start() {
      const groups = new Map<number, Target[]>();
      for (const track of tracks.values()) {
        track.started = true;
        for (const mark of track.marks) {
          if (isTracked(track, mark) || track.running.has(mark)) continue;
          groups.set(mark.frame, [...(groups.get(mark.frame) ?? []), { track, mark }]);
        }
      }
      for (const targets of groups.values()) launch(targets);
      for (const track of tracks.values()) tellStatus(track);
    },
    stop() {
      for (const abort of jobs.values()) abort.abort();
    },
    subscribe(listener) {
      flush();
      listeners.add(listener);
      listener({ type: 'snapshot', video: data(), objects: [...tracks.values()].map(whole), undo: steps.length });
      return () => void listeners.delete(listener);
    },
    isIdle: () => listeners.size === 0 && tracks.size === 0 && jobs.size === 0,
    rows() {
      const rows: TrackRow[] = [];
      for (const { id, rows: own } of tracks.values()) for (const row of own) if (row) rows.push({ ...row, id });
      return rows.toSorted((a, b) => a.frame - b.frame || a.id - b.id);
    },
    async settled() {
      while (jobs.size > 0) await Promise.all(jobs.keys());
    },
    async close() {
      session.stop();
      await session.settled();
      clearTimeout(flushTimer);
      clearInterval(countTimer);
      listeners.clear();
      await frames.close();
      await video.close();
    },
  };
  return session;
}

const byFrame = (marks: readonly Mark[]): Mark[] => marks.toSorted((a, b) => a.frame - b.frame);

const isRow = (row: BoxRow | undefined): row is BoxRow => row !== undefined;

const copyRows = ({ rows }: Track, from: number, to: number): (BoxRow | undefined)[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => rows[from + i]);

function toWire({ frame, time, box, confidence, state }: BoxRow): WireRow {
  const { x, y, w, h } = box;
  return [
    frame,
    rounded(time, 6),
    rounded(x, 3),
    rounded(y, 3),
    rounded(w, 3),
    rounded(h, 3),
    rounded(confidence, 4),
    STATES.indexOf(state),
  ];
}

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

function tooMany(what: string): TrackerError {
  return new TrackerError('OPTION_INVALID', `this page takes at most ${what}`, {
    hint: 'remove some, or use ebm-tracker track',
  });
}
