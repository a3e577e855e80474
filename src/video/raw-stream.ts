/**
 * Raw pictures with times, as ffmpeg reads them from a pipe: a Matroska stream of uncompressed RGB. ffmpeg's own raw format knows no times.
 * Elements and their numbers: RFC 8794 (EBML) and RFC 9559 (Matroska).
 */
import type { Size } from '../geometry.js';

/** Unit of the stream's times: 1/1,000,000 s. */
const TICK_NANOSECONDS = 1000;
const TICKS_A_SECOND = 1e9 / TICK_NANOSECONDS;
const KEY_FRAME = 0x80;
/** Size of an element that goes on to the end of the stream. */
const UNKNOWN_SIZE = Buffer.from([0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
/** From 1000 on ffmpeg takes a rate for none, and the last frame lasts no time. */
const MAX_TOLD_RATE = 999;
/** FourCC of RGB with 24 bits a pixel. */
const RGB24 = Buffer.from('RGB\x18', 'latin1');

/** Header of the stream: EBML, and one video track. */
export function rawHead({ width, height }: Size, fps: number): Buffer {
  const header = element(0x1a45dfa3, [
    element(0x4286, whole(1)), // EBML version
    element(0x42f7, whole(1)),
    element(0x42f2, whole(4)), // longest ID and size, bytes
    element(0x42f3, whole(8)),
    element(0x4282, text('matroska')),
    element(0x4287, whole(4)), // version of Matroska
    element(0x4285, whole(2)),
  ]);
  const about = element(0x1549a966, [element(0x2ad7b1, whole(TICK_NANOSECONDS))]);
  const picture = element(0xe0, [element(0xb0, whole(width)), element(0xba, whole(height)), element(0x2eb524, RGB24)]);
  const track = element(0xae, [
    element(0xd7, whole(1)), // number
    element(0x73c5, whole(1)),
    element(0x83, whole(1)), // video
    element(0x86, text('V_UNCOMPRESSED')),
    element(0x23e383, whole(1e9 / Math.min(fps, MAX_TOLD_RATE))), // how long a frame lasts, nanoseconds
    picture,
  ]);
  return Buffer.concat([header, id(0x18538067), UNKNOWN_SIZE, about, element(0x1654ae6b, track)]);
}

/** Header of one frame's block. @param seconds time of the frame @param bytes size of its picture */
export function rawFrameHead(seconds: number, bytes: number): Buffer {
  const block = Buffer.from([0x81, 0, 0, KEY_FRAME]); // of track 1, at the time of its cluster
  const time = element(0xe7, whole(seconds * TICKS_A_SECOND));
  const simpleBlock = [id(0xa3), sizeOf(block.length + bytes), block];
  const clusterSize = time.length + Buffer.concat(simpleBlock).length + bytes;
  return Buffer.concat([id(0x1f43b675), sizeOf(clusterSize), time, ...simpleBlock]);
}

function element(number: number, content: Buffer | readonly Buffer[]): Buffer {
  const data = Buffer.isBuffer(content) ? content : Buffer.concat(content);
  return Buffer.concat([id(number), sizeOf(data.length), data]);
}

/** The number's own bytes tell how many they are. */
function id(number: number): Buffer {
  return Buffer.from(number.toString(16), 'hex');
}

/** Always in eight bytes, the first of which says so. */
function sizeOf(bytes: number): Buffer {
  const size = whole(bytes);
  size[0] = 0x01;
  return size;
}

function whole(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.round(value)));
  return bytes;
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
