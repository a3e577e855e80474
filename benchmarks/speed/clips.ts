/** What speed is measured on: the demo clip in common sizes, made by ffmpeg, or a file of one's own. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FrameBox } from '../../src/geometry.js';
import { findBinaries } from '../../src/video/binaries.js';
import { capture } from '../../src/video/command.js';

export interface Clip {
  readonly name: string;
  readonly file: string;
  readonly box: FrameBox;
}

export const CLIP_SIZES = {
  '360p': { width: 640, height: 360 },
  '720p': { width: 1280, height: 720 },
  '1080p': { width: 1920, height: 1080 },
} as const;
export type ClipSize = keyof typeof CLIP_SIZES;

const DEMO = new URL('../../models/demo/', import.meta.url).pathname;

/** The demo clip at full height in the middle of a picture of this size, H.264. @param frames forth and back until there are so many; left out: once */
export async function makeClip(
  folder: string,
  name: string,
  { width, height }: { readonly width: number; readonly height: number },
  frames?: number,
): Promise<Clip> {
  const { video, box } = JSON.parse(readFileSync(path.join(DEMO, 'demo.json'), 'utf8')) as {
    video: string;
    box: FrameBox;
  };
  const { ffmpeg, ffprobe } = await findBinaries();
  const input = path.join(DEMO, video);
  const probed = await capture(ffprobe.path, [
    '-v',
    'error',
    '-show_entries',
    'stream=width,height',
    '-of',
    'json',
    input,
  ]);
  const { streams } = JSON.parse(probed.stdout) as { streams: { width: number; height: number }[] };
  const from = streams.find((stream) => stream.width > 0)!;
  const file = path.join(folder, `${name}.mp4`);
  const filter = `scale=-2:${height},pad=${width}:${height}:(ow-iw)/2:0`;
  const turned = `${filter},split[a][b];[b]reverse[c];[a][c]concat`;
  const coding = ['-an', '-pix_fmt', 'yuv420p', '-crf', '23'];
  const make = async (options: readonly string[], output: string): Promise<void> => {
    const { failure, stderr } = await capture(ffmpeg.path, ['-v', 'error', '-y', ...options, output]);
    if (failure !== undefined) throw new Error(`${output}: ${failure} ${stderr}`);
  };
  if (frames === undefined) {
    await make(['-i', input, '-vf', filter, ...coding], file);
  } else {
    const turn = path.join(folder, `${name}-turn.mp4`);
    await make(['-i', input, '-filter_complex', turned, ...coding], turn);
    await make(['-stream_loop', '-1', '-i', turn, '-c', 'copy', '-frames:v', String(frames)], file);
  }
  const scale = height / from.height;
  const left = (width - 2 * Math.round((from.width * scale) / 2)) / 2;
  return {
    name,
    file,
    box: { x: left + box.x * scale, y: box.y * scale, w: box.w * scale, h: box.h * scale },
  };
}
