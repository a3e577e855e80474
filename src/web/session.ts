/** One opened video: the objects that were drawn in it, their results, and the tracking that is at work. It goes on without a page. */
import { TrackerError } from '../errors.js';
import { checkFirstBox, type FrameBox, type Size } from '../geometry.js';
import { Announcer } from './announcer.js';
import type { TrackRow } from '../io/formats/format.js';
import { Jobs, type FramesOfVideo, type Numbered, type ShownFrames } from './jobs.js';
import type { Limit } from '../limit.js';
import type { VideoData, VideoEvent } from './messages.js';
import type { TrackerPool } from './track-objects.js';
import { Tracks } from './tracks.js';

export interface Session {
  data(): VideoData;
  /**
   * Adds an object, or corrects one. Rows before that frame stay; rows after it, up to the next drawn box, are removed.
   * If tracking was started for the object, it goes on from this box at once.
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

/** Milliseconds from one word on how many frames were counted so far to the next. */
const COUNT_MS = 500;

/** The requests of a session to its video, be it read by ffmpeg or by a browser. */
export interface SessionVideo<Image extends Numbered> extends Size, FramesOfVideo<Image> {
  readonly fps: number;
  /** Notes for people on how the video is read; there may be more once its frames were read. */
  readonly notes: readonly string[];
  /** Frames; until they are counted an estimate, or those that were found so far. */
  frameCount(): number;
  isCounted(): boolean;
  /** Settles when the frames have been counted. Never rejects. */
  readonly counted: Promise<unknown>;
  /** Seconds from the first frame; undefined where it is not known yet. */
  timeOf(frame: number): number | undefined;
  close(): Promise<void>;
  /** A camera: it goes on. */
  readonly live?: boolean;
}

export interface SessionOptions<Image extends Numbered> {
  /** Relative to the root. */
  readonly path: string;
  readonly video: SessionVideo<Image>;
  readonly frames: ShownFrames<Image> & { close(): Promise<void> };
  readonly pool: TrackerPool<Image>;
  /** Limit on trackings at a time, shared by all videos. */
  readonly limit: Limit;
}

export function createSession<Image extends Numbered>(options: SessionOptions<Image>): Session {
  return new VideoSession(options);
}

class VideoSession<Image extends Numbered> implements Session {
  /** Number of frames at which reading ended; undefined before. */
  private end: number | undefined;
  private readonly tracks = new Tracks(() => ({ frames: this.data().frames, end: this.end }));
  private readonly announcer = new Announcer(this.tracks);
  private readonly jobs: Jobs<Image>;
  private readonly countTimer: ReturnType<typeof setInterval>;

  constructor(private readonly options: SessionOptions<Image>) {
    const { tracks, announcer } = this;
    this.jobs = new Jobs({ ...options, tracks, announcer, onEnd: (frameCount) => this.reachedEnd(frameCount) });
    const tell = (): void => announcer.video(this.data());
    // counting may take as long as decoding the whole video does
    this.countTimer = setInterval(tell, COUNT_MS);
    void options.video.counted.then(tell);
  }

  data(): VideoData {
    const { path, video } = this.options;
    const { width, height, fps } = video;
    const frames = this.end ?? video.frameCount();
    const counted = this.end !== undefined || video.isCounted();
    return {
      path,
      width,
      height,
      fps,
      frames,
      counted,
      notes: [...video.notes],
      ...(video.live ? { live: true } : {}),
    };
  }

  draw(frame: number, box: FrameBox, object?: number): number {
    const { video, pool } = this.options;
    const { frames, counted } = this.data();
    if (frame < 0 || (counted && frames > 0 && frame >= frames)) {
      throw new TrackerError('OPTION_INVALID', `frame ${frame}: expected 0 to ${frames - 1}`, {
        hint: 'draw in a frame of the video',
      });
    }
    const mark = { frame, box: checkFirstBox(box, video) };
    const track = this.tracks.draw(mark, video.timeOf(frame) ?? frame / video.fps, object);
    this.announcer.undo();
    if (track.started) this.jobs.launch([{ track, mark }]);
    else pool.warm();
    this.announcer.object(track);
    return track.id;
  }

  remove(object: number): void {
    this.announcer.object(this.tracks.remove(object));
    this.announcer.undo();
  }

  undo(): boolean {
    const undone = this.tracks.undo();
    if (!undone) return false;
    if (undone.track) this.announcer.object(undone.track);
    this.announcer.undo();
    return true;
  }

  start(): void {
    const tracks = this.tracks.all();
    for (const track of tracks) track.started = true;
    for (const targets of this.tracks.pending().values()) this.jobs.launch(targets);
    for (const track of tracks) this.announcer.status(track);
  }

  stop(): void {
    this.jobs.stop();
  }

  subscribe(listener: (event: VideoEvent) => void): () => void {
    return this.announcer.subscribe(this.data(), listener);
  }

  isIdle(): boolean {
    return !this.announcer.isHeard && this.tracks.all().length === 0 && this.jobs.count === 0;
  }

  rows(): TrackRow[] {
    return this.tracks.rows();
  }

  settled(): Promise<void> {
    return this.jobs.settled();
  }

  async close(): Promise<void> {
    this.stop();
    await this.settled();
    clearInterval(this.countTimer);
    this.announcer.close();
    await this.options.frames.close();
    await this.options.video.close();
  }

  private reachedEnd(frameCount: number): void {
    if (this.end === frameCount) return;
    this.end = frameCount;
    this.announcer.video(this.data());
  }
}
