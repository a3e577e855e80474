/** The videos that are open: opened when they are asked for, closed when there are too many and nobody needs them. */
import { randomUUID } from 'node:crypto';
import { TrackerError } from '../errors.js';
import type { Binaries } from '../video/binaries.js';
import { openSeekable, type SeekableVideo } from '../video/seek.js';
import { createFrameStore, type FrameStore } from './frames.js';
import { createLimit } from '../limit.js';
import { findFootage, type Footage, type Root } from './root.js';
import { createSession, type Session } from './session.js';
import type { TrackerPool } from './track-objects.js';

export interface OpenVideo {
  readonly id: string;
  readonly video: SeekableVideo;
  readonly frames: FrameStore;
  readonly session: Session;
}

export interface VideoSettings {
  readonly root: Root;
  readonly pool: TrackerPool;
  readonly binaries: Binaries;
  /** Number of the video stream; left out: the one that players show. */
  readonly stream?: number | undefined;
}

const MAX_OPEN = 8;
const MAX_JOBS = 4;

export class OpenVideos {
  private readonly limit = createLimit(MAX_JOBS);
  private readonly closing = new AbortController();
  /** By path, in order of last use. */
  private readonly open = new Map<string, Promise<OpenVideo>>();
  private readonly byId = new Map<string, OpenVideo>();

  constructor(private readonly settings: VideoSettings) {}

  /** @throws TrackerError INPUT_NOT_FOUND, VIDEO_UNREADABLE; OPTION_INVALID where too many are open */
  async openPath(asked: string): Promise<OpenVideo> {
    const footage = await findFootage(this.settings.root, asked);
    const there = this.open.get(footage.path);
    if (there) return there;
    await this.makeRoom();
    const opening = this.openFootage(footage);
    this.open.set(footage.path, opening);
    opening.catch(() => this.open.delete(footage.path));
    return opening;
  }

  /** @throws TrackerError INPUT_NOT_FOUND where it is not open */
  find(id: string): OpenVideo {
    const found = this.byId.get(id);
    if (found) return found;
    throw new TrackerError('INPUT_NOT_FOUND', 'this video is not open', { hint: 'open it again' });
  }

  async close(): Promise<void> {
    this.closing.abort();
    const opened = await Promise.allSettled(this.open.values());
    for (const one of opened) if (one.status === 'fulfilled') await one.value.session.close();
  }

  private async openFootage({ path, file, images }: Footage): Promise<OpenVideo> {
    const { binaries, stream, pool } = this.settings;
    const { limit } = this;
    const video = await openSeekable(file, { binaries, signal: this.closing.signal, images, stream });
    const frames = createFrameStore(video);
    // it is what is asked for next
    void frames.jpeg(0).catch(() => undefined);
    const opened = { id: randomUUID(), video, frames, session: createSession({ path, video, frames, pool, limit }) };
    this.byId.set(opened.id, opened);
    return opened;
  }

  private async makeRoom(): Promise<void> {
    for (const [name, opening] of this.open) {
      if (this.open.size < MAX_OPEN) return;
      const opened = await opening;
      if (!opened.session.isIdle()) continue;
      this.open.delete(name);
      this.byId.delete(opened.id);
      await opened.session.close();
    }
    if (this.open.size < MAX_OPEN) return;
    throw new TrackerError('OPTION_INVALID', `${MAX_OPEN} videos are open, which is the most`, {
      hint: 'remove the objects of one that is done with, and close its page',
    });
  }
}
