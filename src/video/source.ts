/** Tells what a name given for a video stands for: something live, a file behind an address, a stream that is read once, or a path on the disk. */
import { fstat, type Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { TrackerError } from '../errors.js';
import { askServer, interrupted, isHttp, unreachable, type Answer, type NoAnswer } from './address.js';
import { findBinaries, refuseOldBuild, type Binaries } from './binaries.js';
import { capture, inputArguments } from './command.js';

export const STDIN = '-';
export const CAMERA = /^camera:(.+)$/;
/** Behind http(s) there may be either: the server has to be asked. */
const LIVE_ADDRESS = /^(rtsps?|rtmps?|udp|tcp|srt|rtp):\/\//i;

export type Source =
  | {
      /** It goes on without end, and its frames are dropped where nobody takes them in time. */
      readonly kind: 'live';
    }
  | {
      /** A file behind an address that ffmpeg reads by itself, and jumps about in. */
      readonly kind: 'address';
    }
  | {
      /** It has an end, but is read once and from front to back. */
      readonly kind: 'stream';
      /** Its origin: an address, a number of this process's own files, or a path. */
      readonly from: { readonly address: string } | { readonly descriptor: number } | { readonly pipe: string };
    }
  | {
      /** A file or folder on the disk, a pattern of images, or nothing at all. */
      readonly kind: 'path';
      /** Its place on the disk. */
      readonly path: string;
    };

export interface SourceOptions {
  readonly signal?: AbortSignal | undefined;
  /** The ffprobe that looks at what a server does not tell; found otherwise. */
  readonly binaries?: Binaries | undefined;
}

/**
 * Asks the server where it is an http(s) address; opens nothing else.
 * @throws TrackerError OPTION_INVALID (a device, a socket), INPUT_NOT_FOUND, VIDEO_UNREADABLE (a server that refuses), FFMPEG_OLD,
 * FFMPEG_MISSING, INTERRUPTED
 */
export async function findSource(given: string, options: SourceOptions = {}): Promise<Source> {
  if (given === STDIN || CAMERA.test(given) || LIVE_ADDRESS.test(given)) return { kind: 'live' };
  if (isHttp(given)) return findAddress(given, options);
  refuseOtherAddress(given);
  if (isWindowsDevice(given)) throw notReadable(given, 'a device of Windows');
  const descriptor = descriptorOf(given);
  if (descriptor === 1 || descriptor === 2) throw notReadable(given, 'an output of this program');
  const found = await (descriptor === undefined ? stat(given) : promisify(fstat)(descriptor)).catch(() => undefined);
  if (found?.isFIFO()) return { kind: 'stream', from: descriptor === undefined ? { pipe: given } : { descriptor } };
  if (descriptor !== undefined && found) return findDescriptor(given, descriptor, found);
  if (found && !found.isFile() && !found.isDirectory()) throw notReadable(given, kindOf(found));
  return { kind: 'path', path: given };
}

/**
 * Tells whether a video is live: "-" (stdin), camera:0, an address such as rtsp://host/path, or an http(s) address that has no end. All else
 * is for openVideo().
 * @throws TrackerError VIDEO_UNREADABLE where a server refuses or cannot be reached; those of a name that no video can have
 */
export async function isLive(video: string): Promise<boolean> {
  return (await findSource(video)).kind === 'live';
}

/** Short name for results and titles: without folder, server or token. */
export function nameOf(video: string): string {
  if (!isHttp(video) || !URL.canParse(video)) return path.basename(video);
  const { pathname, hostname } = new URL(video);
  const name = path.posix.basename(pathname);
  try {
    return decodeURIComponent(name) || hostname;
  } catch {
    return name;
  }
}

/** Said where a name turns out to stand for nothing. */
export function notFoundHint(given: string): string {
  if (/^(\d+|\/dev\/video\d+)$/.test(given)) return `cameras are named so: camera:${/\d+$/.exec(given)![0]}`;
  if (/^\/(dev|proc\/self)\/fd\//.test(given)) {
    return 'a pipe that a shell opens with <(...) does not reach a program behind npx: COMMAND | ebm-tracker track /dev/stdin';
  }
  return 'give a video file, a folder of images, or a pattern such as "img/*.jpg" or img/%08d.jpg';
}

// --- addresses ---

async function findAddress(address: string, { signal, binaries }: SourceOptions): Promise<Source> {
  const tools = binaries ?? (await findBinaries());
  refuseOldBuild(tools, address);
  const answer = await askServer(address, signal);
  if ('why' in answer) {
    const seconds = await durationOf(address, answer, tools, signal);
    return { kind: seconds === undefined ? 'live' : 'address' };
  }
  if (isWebPage(answer)) throw webPage(address);
  if (answer.type.startsWith('multipart/')) return { kind: 'live' };
  if (answer.length === 0) throw unreadableAddress(address, 'it is empty');
  const playlist = isPlaylist(address, answer);
  const ends = playlist
    ? (await durationOf(address, answer, tools, signal)) !== undefined
    : await hasEnd(address, answer, tools, signal);
  if (!ends) return { kind: 'live' };
  return playlist || answer.ranges ? { kind: 'address' } : { kind: 'stream', from: { address } };
}

/** By its content too: scripts that send pictures often forget to say so. */
function isWebPage({ type, head }: Answer): boolean {
  return type === 'text/html' && /^\uFEFF?\s*</.test(Buffer.from(head).toString('utf8'));
}

/** A file has a length, or says itself how long it lasts. */
async function hasEnd(
  address: string,
  answer: Answer,
  tools: Binaries,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (answer.length !== undefined || beginsWithData(answer.head)) return true;
  if (isTransportStream(answer.head)) return false;
  return (await durationOf(address, answer, tools, signal)) !== undefined;
}

const PLAYLIST_TYPE = /mpegurl|dash\+xml/;
const PLAYLIST_HEAD = /^\uFEFF?\s*(#EXTM3U|<\?xml|<MPD)/;

/** It names other addresses: its own length says nothing. */
function isPlaylist(address: string, { type, head }: Answer): boolean {
  return (
    PLAYLIST_TYPE.test(type) ||
    /\.(m3u8?|mpd)$/i.test(new URL(address).pathname) ||
    PLAYLIST_HEAD.test(Buffer.from(head).toString('utf8'))
  );
}

/** An MP4 whose description comes behind its data: nobody can send that before it is whole. */
function beginsWithData(head: Uint8Array): boolean {
  const bytes = Buffer.from(head);
  for (let at = 0; at + 8 <= bytes.length;) {
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (type === 'mdat') return true;
    const size = bytes.readUInt32BE(at);
    if (type === 'moov' || size < 8 || (at === 0 && type !== 'ftyp')) return false;
    at += size;
  }
  return false;
}

const TS_PACKET = 188;
const TS_SYNC = 0x47;

/** It has no place for a length. */
function isTransportStream(head: Uint8Array): boolean {
  return head[0] === TS_SYNC && head[TS_PACKET] === TS_SYNC && head[2 * TS_PACKET] === TS_SYNC;
}

const PROBE_MS = 30_000;

/**
 * Seconds that the video lasts by its own account; undefined where it does not say: then it is live.
 * @throws TrackerError VIDEO_UNREADABLE
 */
async function durationOf(
  address: string,
  answer: Answer | NoAnswer,
  { ffprobe }: Binaries,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const look = ['-analyzeduration', '1000000', '-probesize', '1000000'];
  const args = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', ...look];
  const { stdout, stderr, failure } = await capture(
    ffprobe.path,
    [...args, ...inputArguments(address)],
    PROBE_MS,
    signal,
  );
  if (signal?.aborted) throw interrupted(address);
  const seconds = Number(stdout.trim());
  if (failure === undefined) return seconds > 0 ? seconds : undefined;
  // a camera that is slow to send its first picture
  if (!('why' in answer) && failure.startsWith('ended by')) return undefined;
  if ('why' in answer) throw unreachable(address, answer.why);
  const words = stderr.trim().split('\n').at(-1) || failure;
  throw unreadableAddress(address, words.replace(`${address}: `, ''));
}

function unreadableAddress(address: string, why: string): TrackerError {
  return new TrackerError('VIDEO_UNREADABLE', `video ${address}: the server answers, but with no video: ${why}`, {
    hint: 'expected the address of a video file, of a playlist (.m3u8) or of a camera: does it play in a browser?',
  });
}

function webPage(address: string): TrackerError {
  return new TrackerError('VIDEO_UNREADABLE', `video ${address}: the server answers with a web page`, {
    hint: 'give the address of the video itself, or save it to a file first',
  });
}

const SCHEME = /^([a-z][a-z0-9+.-]+):\/\//i;

/** @throws TrackerError INPUT_NOT_FOUND for a kind of address that nothing here reads */
function refuseOtherAddress(given: string): void {
  const scheme = SCHEME.exec(given)?.[1]?.toLowerCase();
  if (scheme === undefined) return;
  const hint =
    scheme === 'file'
      ? 'give the path itself, without file://'
      : 'save it to a file first; read are http, https, and live rtsp, rtmp, udp, tcp, srt, rtp';
  throw new TrackerError('INPUT_NOT_FOUND', `video ${given}: ${scheme} addresses are not read`, { hint });
}

// --- what is neither file nor folder ---

/** The names of this process's own open files. */
function descriptorOf(given: string): number | undefined {
  const standard = ['/dev/stdin', '/dev/stdout', '/dev/stderr'].indexOf(given);
  if (standard >= 0) return standard;
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(given)?.[1];
  return number === undefined ? undefined : Number(number);
}

async function findDescriptor(given: string, descriptor: number, found: Stats): Promise<Source> {
  if (isatty(descriptor)) throw notReadable(given, 'a terminal');
  if (found.isSocket()) return { kind: 'stream', from: { descriptor } };
  if (found.isDirectory()) return { kind: 'path', path: given };
  if (!found.isFile()) throw notReadable(given, kindOf(found));
  // another process knows it by its own name only, and by none at all where it was deleted since
  const real = await realpath(given).catch(() => undefined);
  const there = real === undefined ? undefined : await stat(real).catch(() => undefined);
  return there?.ino === found.ino && there.dev === found.dev
    ? { kind: 'path', path: real! }
    : { kind: 'stream', from: { descriptor } };
}

const WINDOWS_DEVICE = /^(?:nul|con|prn|aux|com\d|lpt\d|conin\$|conout\$)(?:\.[^\\/]*)?:?$/i;

export function isWindowsDevice(given: string, platform: NodeJS.Platform = process.platform): boolean {
  return platform === 'win32' && WINDOWS_DEVICE.test(path.win32.basename(given));
}

function kindOf(found: Stats): string {
  if (found.isSocket()) return 'a socket';
  return found.isBlockDevice() ? 'a block device' : 'a character device';
}

function notReadable(given: string, kind: string): TrackerError {
  const camera = /^\/dev\/video(\d+)$/.exec(given)?.[1];
  return new TrackerError('OPTION_INVALID', `video ${given}: it is ${kind}, expected a file, a folder or a pipe`, {
    hint:
      camera === undefined
        ? 'a camera is named camera:0; what another program writes comes through a pipe: COMMAND | ebm-tracker track /dev/stdin (all of it), or - (live)'
        : `cameras are named so: camera:${camera}`,
  });
}
