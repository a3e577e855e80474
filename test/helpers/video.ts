/** Small videos and folders for tests, made by the very ffmpeg that the program finds. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, vi } from 'vitest';
import type { Frame } from '../../src/image/frame.js';
import { findBinaries, passthroughOption } from '../../src/video/binaries.js';
import { capture } from '../../src/video/command.js';
import type { VideoSource } from '../../src/video/read.js';

/** A folder that goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(os.tmpdir(), 'ebm-tracker-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The system's folder of temporary files is another one till the test ends. */
export async function ownTemporaryFolder(): Promise<string> {
  const folder = await temporaryFolder();
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  return folder;
}

/** What lies in such a folder of streams that were read to their end. */
export async function streamsIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('ebm-tracker-stream-'));
}

/** @throws Error with ffmpeg's words */
export async function runFfmpeg(args: readonly string[]): Promise<void> {
  const { ffmpeg } = await findBinaries();
  const { failure, stderr } = await capture(ffmpeg.path, ['-v', 'error', '-nostdin', '-y', ...args]);
  if (failure !== undefined) throw new Error(`${failure}: ${stderr}`);
}

export interface NumberedVideo {
  frames?: number;
  width?: number;
  height?: number;
  fps?: number;
  /** Time of frame N in frames, an ffmpeg expression; N alone is a constant rate. */
  times?: string;
  /** Left out: H.264 with B-frames, each tenth frame a key frame. */
  encoder?: readonly string[];
  /** Further output options. */
  output?: readonly string[];
  /** Of Matroska: see hideRate. */
  hideRate?: boolean;
}

const X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '10', '-g', '10', '-bf', '2'];

/** Luma of frame i is 16 + STEP i: room for 36 frames. */
const STEP = 6;

/** A video each of whose frames shows its number as a shade of grey: see numberOf. The ending of the path chooses the container. */
export async function makeNumberedVideo(path: string, options: NumberedVideo = {}): Promise<void> {
  const { frames = 30, width = 64, height = 48, fps = 25, times = 'N', encoder = X264, output = [] } = options;
  const { ffmpeg } = await findBinaries();
  // noise gives the frames some weight: a part of the file is then a part of the frames
  const grey = `geq=lum=16+${STEP}*N:cb=128:cr=128,noise=c0s=12:c0f=t,setpts=round((${times})/${fps}/TB),format=yuv420p`;
  const input = ['-f', 'lavfi', '-i', `nullsrc=s=${width}x${height}:r=${fps}:d=${frames / fps},${grey}`];
  const exact = options.hideRate ? ['-enc_time_base', '1:1000'] : [];
  await runFfmpeg([...input, ...passthroughOption(ffmpeg), ...exact, ...encoder, ...output, path]);
  if (options.hideRate) await hideRate(path);
}

/** The number that a frame of a numbered video shows. */
export function numberOf({ data }: Frame): number {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  return Math.round(((mean / 255) * 219) / STEP);
}

/** a, b, c, d of a display matrix: the pixel (x, y) is shown at (a x + c y, b x + d y). */
export type Matrix = readonly [a: number, b: number, c: number, d: number];

/** Writes the display matrix of an MP4 file with one track, as phones do. */
export async function setMatrix(path: string, [a, b, c, d]: Matrix): Promise<void> {
  const bytes = await readFile(path);
  const version = bytes.indexOf('tkhd') + 4;
  expect(bytes[version]).toBe(0); // 32-bit times, so that the matrix lies where it is sought
  const matrix = version + 40;
  for (const [at, value] of [a, b, 0, c, d].entries()) bytes.writeInt32BE(value * 65536, matrix + 4 * at);
  await writeFile(path, bytes);
}

/** Turned clockwise. */
export function setRotation(path: string, degrees: 90 | 180 | 270): Promise<void> {
  const cosine = { 90: 0, 180: -1, 270: 0 }[degrees];
  const sine = { 90: 1, 180: 0, 270: -1 }[degrees];
  return setMatrix(path, [cosine, sine, -sine, cosine]);
}

/** Takes out of a Matroska file how long a frame lasts: a browser's recording does not say it. */
export async function hideRate(file: string): Promise<void> {
  const bytes = await readFile(file);
  const at = bytes.indexOf(Buffer.from([0x23, 0xe3, 0x83]));
  const size = bytes[at + 3]! & 0x7f;
  // an element that is to be passed over, as long as the one that was there
  bytes.set([0xec, 0x80 + size + 2], at);
  await writeFile(file, bytes);
}

/** A part of a track, seconds from its first frame, that plays. */
export type Edit = readonly [from: number, seconds: number];

/** Writes an edit list into an MP4 file with one track, whose index lies at its end: what is stored stays, and only these parts play. */
export async function setEdits(path: string, edits: readonly Edit[]): Promise<void> {
  const bytes = await readFile(path);
  const number = (box: string, offset: number): number => bytes.readUInt32BE(bytes.indexOf(box) + offset);
  const [movieTicks, mediaTicks] = [number('mvhd', 16), number('mdhd', 16)];
  const start = bytes.indexOf('edts') - 4;
  const old = bytes.readUInt32BE(start);
  const firstTime = number('elst', 16); // where the first frame lies in the track: not at 0 where there are B-frames
  const entries = edits.flatMap(([from, seconds]) => [seconds * movieTicks, firstTime + from * mediaTicks, 65_536]);
  const list = Buffer.alloc(24 + 4 * entries.length);
  list.writeUInt32BE(list.length);
  list.write('edts', 4);
  list.writeUInt32BE(list.length - 8, 8);
  list.write('elst', 12);
  list.writeUInt32BE(edits.length, 20);
  for (const [i, entry] of entries.entries()) list.writeUInt32BE(Math.round(entry), 24 + 4 * i);
  for (const box of ['moov', 'trak']) {
    const at = bytes.indexOf(box) - 4;
    bytes.writeUInt32BE(bytes.readUInt32BE(at) + list.length - old, at);
  }
  await writeFile(path, Buffer.concat([bytes.subarray(0, start), list, bytes.subarray(start + old)]));
}

/** One grey picture. */
export async function makePicture(path: string, size = { width: 20, height: 10 }): Promise<void> {
  await sharp({ create: { ...size, channels: 3, background: '#808080' } }).toFile(path);
}

/** Keeps the first part of a file, 0 to 1. */
export async function cutFile(path: string, part: number): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * part)));
}

export async function collect(source: VideoSource): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of source.frames()) frames.push(frame);
  return frames;
}

/** Children of this process that are not done or are waiting to be buried. Linux only. */
export async function childProcesses(): Promise<string[]> {
  const text = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean);
}
