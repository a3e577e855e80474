/** Tells those who look at a video what happens in it. Rows come fast: they are gathered for a moment before they are sent. */
import type { BoxRow } from '../io/boxes.js';
import { STATES, type ObjectData, type ObjectRows, type VideoData, type VideoEvent, type WireRow } from './messages.js';
import { isRow, type Track, type Tracks } from './tracks.js';

/** Milliseconds in which rows are gathered. */
const FLUSH_MS = 80;

type Listener = (event: VideoEvent) => void;

export class Announcer {
  private readonly listeners = new Set<Listener>();
  private readonly waiting = new Map<number, WireRow[]>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private told: VideoData | undefined;

  constructor(private readonly tracks: Tracks) {}

  /** A snapshot first. @returns to be called to end it */
  subscribe(video: VideoData, listener: Listener): () => void {
    this.flush();
    this.listeners.add(listener);
    const objects = this.tracks.all().map((track) => this.whole(track));
    listener({ type: 'snapshot', video, objects, undo: this.tracks.steps });
    return () => void this.listeners.delete(listener);
  }

  get isHeard(): boolean {
    return this.listeners.size > 0;
  }

  /** Sends the video's data, if they changed. */
  video(known: VideoData): void {
    const { told } = this;
    const isSame = known.frames === told?.frames && known.counted === told.counted;
    if (isSame && known.notes.length === told?.notes.length) return;
    this.told = known;
    this.emit({ type: 'video', video: known });
  }

  /** Sends a whole object, or that it is gone. */
  object(track: Track): void {
    this.waiting.delete(track.id);
    if (this.tracks.has(track)) this.emit({ type: 'object', object: this.whole(track) });
    else this.emit({ type: 'gone', object: track.id });
  }

  /** Sends an object without its rows. */
  status(track: Track): void {
    this.flush();
    if (this.tracks.has(track)) this.emit({ type: 'status', object: this.statusOf(track) });
  }

  row(object: number, row: BoxRow): void {
    const rows = this.waiting.get(object);
    if (rows) rows.push(toWire(row));
    else this.waiting.set(object, [toWire(row)]);
    this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Tells that a picture is ready. */
  picture(frame: number, objects: readonly number[]): void {
    this.flush();
    this.emit({ type: 'picture', frame, objects });
  }

  undo(): void {
    this.emit({ type: 'undo', steps: this.tracks.steps });
  }

  failure(message: string, hint: string): void {
    this.emit({ type: 'failed', message, hint });
  }

  close(): void {
    clearTimeout(this.timer);
    this.listeners.clear();
  }

  private emit(event: VideoEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [object, rows] of this.waiting) this.emit({ type: 'rows', object, rows });
    this.waiting.clear();
  }

  private statusOf(track: Track): ObjectData {
    const { id, marks, running } = track;
    return { id, marks, running: running.size > 0, complete: this.tracks.isComplete(track) };
  }

  private whole(track: Track): ObjectRows {
    return { ...this.statusOf(track), rows: track.rows.filter(isRow).map(toWire) };
  }
}

export function toWire({ frame, time, box, confidence, state }: BoxRow): WireRow {
  const { x, y, w, h } = box;
  const place = [rounded(x, 3), rounded(y, 3), rounded(w, 3), rounded(h, 3)] as const;
  return [frame, rounded(time, 6), ...place, rounded(confidence, 4), STATES.indexOf(state)];
}

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));
