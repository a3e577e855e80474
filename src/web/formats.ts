/** The files that results are exported to. One more format is one more entry of FORMATS. */
import type { Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { FORMAT_NAMES, FORMATS as TRACK_FORMATS, writeTracks, type TrackRow } from '../io/tracks.js';
import { drawTracks } from '../drawing/draw-tracks.js';
import type { PixelAspect } from '../video/probe.js';

export type { TrackRow };

export interface ExportedTracks extends Size {
  /** Name of the video. */
  readonly name: string;
  readonly fps: number;
  readonly frameCount: number;
  readonly pixelAspect: PixelAspect;
  /** Frame by frame, and by object within a frame. */
  readonly rows: readonly TrackRow[];
  /** The video's frames from a number on, for formats that show them. */
  readonly frames: (first: number) => AsyncIterable<Frame>;
}

export interface ExportFormat {
  readonly name: string;
  readonly title: string;
  /** Extension of the file's name. */
  readonly ending: string;
  /** @throws TrackerError */
  write(file: string, tracks: ExportedTracks): Promise<void>;
}

/** The very files that `track` and `convert` write. */
export const FORMATS: readonly ExportFormat[] = [
  ...FORMAT_NAMES.map((name): ExportFormat => {
    const { title, endings } = TRACK_FORMATS[name];
    return {
      name,
      title,
      ending: endings[0]!,
      write: (file, { rows, ...media }) => writeTracks(file, rows, media, name),
    };
  }),
  {
    name: 'mp4',
    title: 'the video with the boxes drawn in',
    ending: '.mp4',
    write: (file, { rows, frames, ...media }) => drawTracks(file, rows, media, frames(0)),
  },
];
