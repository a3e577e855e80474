/**
 * The objects of one video as they are edited: boxes that a person drew, rows that were tracked from them, and the steps that can be taken
 * back. It needs no video and no tracker.
 */
import { TrackerError } from '../errors.js';
import type { BoxRow } from '../io/boxes.js';
import type { TrackRow } from '../io/formats/format.js';
import type { Mark } from './messages.js';

export interface Track {
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

/** An object that is tracked from one of its drawn boxes on. */
export interface Target {
  readonly track: Track;
  readonly mark: Mark;
}

/** How far a video goes, as far as that is known. */
export interface Extent {
  /** An estimate until all are counted; 0: the file does not tell. */
  readonly frames: number;
  /** Number of frames where reading came to an end. */
  readonly end: number | undefined;
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

const MAX_OBJECTS = 16;
const MAX_MARKS = 1000;
const MAX_STEPS = 100;

export class Tracks {
  private readonly tracks = new Map<number, Track>();
  private readonly done: Step[] = [];
  private lastId = 0;

  constructor(private readonly extent: () => Extent) {}

  all(): readonly Track[] {
    return [...this.tracks.values()];
  }

  /** False once it was removed. */
  has(track: Track): boolean {
    return this.tracks.get(track.id) === track;
  }

  /** How many steps can be taken back. */
  get steps(): number {
    return this.done.length;
  }

  /**
   * A new object, or a correction of one that is there: rows before the mark stay, those up to the next mark go.
   * @param time of the mark's frame, seconds
   * @throws TrackerError OPTION_INVALID where there is no such object, or there are too many
   */
  draw(mark: Mark, time: number, object?: number): Track {
    const track = object === undefined ? this.add() : this.find(object);
    if (track.marks.length >= MAX_MARKS) throw tooMany(`${MAX_MARKS} drawn boxes an object`);
    const { frame, box } = mark;
    const replaced = track.marks.find((other) => other.frame === frame);
    track.marks = byFrame([...track.marks.filter((other) => other !== replaced), mark]);
    const until = Math.min(this.endOf({ track, mark }), Math.max(track.rows.length, frame + 1));
    this.remember({ kind: 'draw', id: track.id, mark, replaced, rows: copyRows(track, frame, until) });
    for (let i = frame; i < until; i++) track.rows[i] = undefined;
    track.rows[frame] = { frame, time, box, confidence: 1, state: 'tracking' };
    return track;
  }

  /** @throws TrackerError OPTION_INVALID where there is none */
  remove(object: number): Track {
    const track = this.find(object);
    this.tracks.delete(track.id);
    this.remember({ kind: 'remove', track });
    return track;
  }

  /** Takes back the last draw() or remove(). @returns undefined where there is none, else the object that changed if there is one */
  undo(): { readonly track: Track | undefined } | undefined {
    const step = this.done.pop();
    if (!step) return undefined;
    if (step.kind === 'draw') return { track: this.undoDraw(step) };
    this.tracks.set(step.track.id, step.track);
    return { track: step.track };
  }

  /** Number of the frame after the last one that is tracked from this box; Infinity where the end is not known. */
  endOf({ track, mark }: Target): number {
    const next = track.marks[track.marks.indexOf(mark) + 1];
    return next?.frame ?? this.extent().end ?? Infinity;
  }

  /** True while a frame is still to be tracked from this box: nobody drew another one, or removed the object. */
  isWanted({ track, mark }: Target, frame: number): boolean {
    return this.has(track) && track.marks.includes(mark) && frame < this.endOf({ track, mark });
  }

  /** True if every frame from this box to the next one has a row. */
  isTracked(target: Target): boolean {
    const total = this.extent().frames || Infinity;
    return target.track.rows[Math.min(this.endOf(target), total) - 1] !== undefined;
  }

  isComplete(track: Track): boolean {
    return track.marks.every((mark) => this.isTracked({ track, mark }));
  }

  /** Targets that are neither tracked nor being tracked, by the frame from which they are tracked. */
  pending(): ReadonlyMap<number, readonly Target[]> {
    const groups = new Map<number, Target[]>();
    for (const track of this.tracks.values()) {
      for (const mark of track.marks) {
        if (this.isTracked({ track, mark }) || track.running.has(mark)) continue;
        groups.set(mark.frame, [...(groups.get(mark.frame) ?? []), { track, mark }]);
      }
    }
    return groups;
  }

  /** Frame by frame, and by object within a frame. */
  rows(): TrackRow[] {
    const rows = this.all().flatMap(({ id, rows: own }) => own.filter(isRow).map((row) => ({ ...row, id })));
    return rows.toSorted((a, b) => a.frame - b.frame || a.id - b.id);
  }

  private find(object: number): Track {
    const track = this.tracks.get(object);
    if (track) return track;
    throw new TrackerError('OPTION_INVALID', `object ${object}: there is none`, {
      hint: 'choose one that is there, or draw a new one',
    });
  }

  private add(): Track {
    if (this.tracks.size >= MAX_OBJECTS) throw tooMany(`${MAX_OBJECTS} objects`);
    const track: Track = { id: ++this.lastId, marks: [], rows: [], started: false, running: new Set() };
    this.tracks.set(track.id, track);
    return track;
  }

  private remember(step: Step): void {
    this.done.push(step);
    if (this.done.length > MAX_STEPS) this.done.shift();
  }

  private undoDraw({ id, mark, replaced, rows }: Step & { kind: 'draw' }): Track | undefined {
    const track = this.tracks.get(id);
    if (!track) return undefined;
    const others = track.marks.filter((other) => other !== mark);
    track.marks = byFrame(replaced ? [...others, replaced] : others);
    for (const [i, row] of rows.entries()) track.rows[mark.frame + i] = row;
    if (track.marks.length === 0) this.tracks.delete(id);
    return track;
  }
}

export const isRow = (row: BoxRow | undefined): row is BoxRow => row !== undefined;

const byFrame = (marks: readonly Mark[]): Mark[] => marks.toSorted((a, b) => a.frame - b.frame);

const copyRows = ({ rows }: Track, from: number, to: number): (BoxRow | undefined)[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => rows[from + i]);

function tooMany(what: string): TrackerError {
  return new TrackerError('OPTION_INVALID', `this page takes at most ${what}`, {
    hint: 'remove some, or use ebm-tracker track',
  });
}
