/** Good pictures and videos, made once and kept from case to case. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { findBinaries } from '../../src/video/binaries.js';
import { capture } from '../../src/video/command.js';

export interface Folders {
  /** Kept from case to case. */
  readonly base: string;
  /** Of this case: what is read, and the only place where something may be written. */
  readonly input: string;
  readonly output: string;
}

export async function baseImage(base: string, [width, height]: readonly [number, number]): Promise<string> {
  const file = path.join(base, `image-${width}x${height}.png`);
  if (await exists(file)) return file;
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  await sharp({ create: { width, height, channels: 3, background: '#888', noise } })
    .png()
    .toFile(file);
  return file;
}

export const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

export const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '6', '-pix_fmt', 'yuv420p'];
const source = (size: string, frames: number, more = ''): string[] => [
  '-f',
  'lavfi',
  '-i',
  `testsrc=s=${size}:r=25:d=${frames / 25}${more}`,
];

/** Name -> arguments of ffmpeg. */
export const VIDEOS: Readonly<Record<string, readonly string[]>> = {
  'plain.mp4': [...source('160x120', 20), ...H264],
  'plain.mkv': [...source('160x120', 20), ...H264],
  'plain.ts': [...source('160x120', 20), ...H264],
  'plain.avi': [...source('160x120', 20), '-c:v', 'mpeg4'],
  'plain.webm': [...source('160x120', 12), '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'],
  'plain.gif': [...source('80x60', 8)],
  'motion.mov': [...source('160x120', 8), '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'],
  'odd.avi': [...source('33x21', 10), '-c:v', 'mjpeg', '-pix_fmt', 'yuvj444p'],
  'one-pixel.mkv': [...source('8x8', 5, ',scale=1:1'), '-c:v', 'ffv1'],
  'two-pixels.mkv': [...source('8x8', 5, ',scale=2:2'), '-c:v', 'ffv1'],
  'narrow.mkv': [...source('8x400', 5, ',scale=2:400'), '-c:v', 'ffv1'],
  'deep.mkv': [...source('160x120', 5), '-c:v', 'ffv1', '-pix_fmt', 'yuv444p16le'],
  'grey16.mkv': [...source('160x120', 5), '-c:v', 'ffv1', '-pix_fmt', 'gray16le'],
  'alpha.mov': [...source('160x120', 5, ',format=rgba'), '-c:v', 'qtrle', '-pix_fmt', 'argb'],
  'alpha.mkv': [...source('160x120', 5, ',format=rgba'), '-c:v', 'png', '-pix_fmt', 'rgba'],
  'rotated.mp4': [...source('160x120', 10), ...H264, '-metadata:s:v:0', 'rotate=90'],
  'variable.mkv': [...source('160x120', 20, String.raw`,setpts=(N+floor(N/3)*7)/25/TB`), '-vsync', '0', ...H264],
  'sound.mp4': ['-f', 'lavfi', '-i', 'sine=d=1', '-c:a', 'aac'],
};

const READY = new Map<string, Promise<string>>();

export function baseVideo(base: string, name: string): Promise<string> {
  const made = READY.get(name) ?? makeVideo(path.join(base, name), VIDEOS[name]!);
  READY.set(name, made);
  return made;
}

export async function makeVideo(file: string, args: readonly string[]): Promise<string> {
  if (await exists(file)) return file;
  const { ffmpeg } = await findBinaries();
  const { failure, stderr } = await capture(ffmpeg.path, ['-v', 'error', '-y', ...args, file]);
  if (failure !== undefined) throw new Error(`${file}: ${stderr}`);
  return file;
}
