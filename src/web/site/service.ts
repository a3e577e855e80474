/** One open video of the static page: a session in the page itself, in place of a server. */
import type { VideoPicture } from '../../browser/video-picture.js';
import { FORMAT_NAMES, formatTracks, WRITTEN, type FormatName } from '../../io/formats/writing.js';
import type { Limit } from '../../limit.js';
import type { FormatInfo, VideoEvent } from '../messages.js';
import type { VideoService } from '../page/service.js';
import { createSession } from '../session.js';
import type { TrackerPool } from '../track-objects.js';
import type { SiteVideo } from './video.js';

export interface SiteService extends VideoService {
  /** A frame of a camera was taken for the view. */
  tell(frame: number): void;
  /** There is what was not exported yet. */
  isUnsaved(): boolean;
  close(): Promise<void>;
}

export const EXPORT_FORMATS: readonly FormatInfo[] = FORMAT_NAMES.map((name) => ({ name, title: WRITTEN[name].title }));

export function createSiteService(video: SiteVideo, pool: TrackerPool<VideoPicture>, limit: Limit): SiteService {
  const session = createSession({
    path: video.name,
    video,
    frames: { offer: (frame) => video.offer(frame), close: async () => undefined },
    pool,
    limit,
  });
  const listeners = new Set<(event: VideoEvent) => void>();
  let saved = 0;
  const rowsNow = (): number => session.rows().length;
  return {
    opened: { id: 'here', ...session.data() },
    broken: '',
    draw: async ({ frame, box, object }) => session.draw(frame, box, object),
    remove: async (object) => session.remove(object),
    undo: async () => session.undo(),
    start: async () => session.start(),
    stop: async () => session.stop(),
    pick: async () => undefined,
    frame: (frame) => video.picture(frame),
    near: async (frame) => ({ frame, picture: await video.picture(frame) }),
    async export(format) {
      const { width, height, fps, frames: frameCount } = session.data();
      const { name, times } = video;
      const text = formatTracks(session.rows(), format as FormatName, { name, width, height, fps, frameCount, times });
      saved = rowsNow();
      const stem = name.replace(/\.[^.]*$/, '');
      return { blob: new Blob([text]), name: stem + WRITTEN[format as FormatName].endings[0]! };
    },
    events(onEvent) {
      listeners.add(onEvent);
      const end = session.subscribe(onEvent);
      return () => {
        listeners.delete(onEvent);
        end();
      };
    },
    tell(frame) {
      for (const listener of listeners) {
        listener({ type: 'video', video: session.data() });
        listener({ type: 'picture', frame, objects: [] });
      }
    },
    isUnsaved: () => rowsNow() !== saved,
    close: () => session.close(),
  };
}
