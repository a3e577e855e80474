/** From what a page has of a video to frames as the tracker takes them. */
import { messageOf, TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';

/** A picture that a browser has. */
export type FrameInput = VideoFrame | HTMLVideoElement | ImageBitmap | ImageData | HTMLCanvasElement | OffscreenCanvas;

/**
 * Reads the pixels before it returns: what was given may be closed or drawn over then. The frame is as large as the picture is shown
 * (a video element: its videoWidth and videoHeight), upright, in sRGB; what is transparent is black.
 * @throws TrackerError IMAGE_UNREADABLE (closed, nothing there yet, or from another origin), OPTION_INVALID (no such picture)
 */
export type ReadFrame = (input: FrameInput) => Frame;

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** @param makeContext of a canvas of this size; it is kept as long as the size stays */
export function createFrameReader(makeContext: (size: Size) => Context = contextOf): ReadFrame {
  let context: Context | undefined;
  let index = 0;
  return (input) => {
    const known = lookAt(input);
    const { width, height, time } = known;
    const data = packedRgb(known.pixels ?? drawn(known));
    return { data, width, height, index: index++, time };
  };

  function drawn({ kind, width, height, draw }: Known): Uint8ClampedArray {
    if (context?.canvas.width !== width || context.canvas.height !== height) context = makeContext({ width, height });
    try {
      draw(context);
      return context.getImageData(0, 0, width, height, { colorSpace: 'srgb' }).data;
    } catch (cause) {
      // a canvas that has once held pixels of another origin never gives any again
      context = undefined;
      throw unreadable(kind, cause);
    }
  }
}

function contextOf({ width, height }: Size): Context {
  const context = new OffscreenCanvas(width, height).getContext('2d', {
    alpha: false,
    colorSpace: 'srgb',
    willReadFrequently: true,
  });
  if (context) return context;
  throw new TrackerError('IMAGE_UNREADABLE', `frame of ${width} x ${height}: this browser gives no canvas for it`, {
    hint: 'scale the video down, or free other canvases of the page',
  });
}

interface Known extends Size {
  /** Name of its class. */
  readonly kind: string;
  /** Seconds; 0 where it has none. */
  readonly time: number;
  /** RGBA, where they can be had without a canvas. */
  readonly pixels?: Uint8ClampedArray;
  draw(context: Context): void;
}

/** @throws TrackerError as ReadFrame, where that can be told without the pixels */
export function checkFrame(input: FrameInput): void {
  lookAt(input);
}

/** Names are compared, since the classes of another window are others. */
function lookAt(input: FrameInput): Known {
  const kind = Object.prototype.toString.call(input).slice('[object '.length, -1);
  switch (kind) {
    case 'VideoFrame': {
      const { displayWidth, displayHeight, timestamp } = input as VideoFrame;
      return drawable(kind, input as VideoFrame, displayWidth, displayHeight, timestamp / 1e6);
    }
    case 'HTMLVideoElement':
      return lookAtVideo(kind, input as HTMLVideoElement);
    case 'ImageData':
      return lookAtPixels(kind, input as ImageData);
    case 'ImageBitmap':
    case 'HTMLCanvasElement':
    case 'OffscreenCanvas': {
      const { width, height } = input as ImageBitmap;
      return drawable(kind, input as ImageBitmap, width, height, 0);
    }
    default:
      throw new TrackerError('OPTION_INVALID', `frame: found ${kind}, expected a picture of a video`, {
        hint: 'give a VideoFrame, HTMLVideoElement, ImageBitmap, ImageData, HTMLCanvasElement or OffscreenCanvas',
      });
  }
}

/** HTMLMediaElement.HAVE_CURRENT_DATA: a video element has the picture of its place. */
const HAVE_CURRENT_DATA = 2;

function lookAtVideo(kind: string, video: HTMLVideoElement): Known {
  const { readyState, videoWidth, videoHeight, currentTime } = video;
  if (readyState >= HAVE_CURRENT_DATA && videoWidth > 0)
    return drawable(kind, video, videoWidth, videoHeight, currentTime);
  const found = `readyState ${readyState}, ${videoWidth} x ${videoHeight} pixels`;
  const fault = video.error ? `: ${video.error.message || `media error ${video.error.code}`}` : '';
  throw new TrackerError('IMAGE_UNREADABLE', `${kind}: has no picture (${found})${fault}`, {
    hint: 'wait for its event loadeddata, or call from requestVideoFrameCallback()',
  });
}

function lookAtPixels(kind: string, image: ImageData): Known {
  const { width, height, data, colorSpace } = image;
  const known = { kind, width, height, time: 0, draw: (context: Context) => context.putImageData(image, 0, 0) };
  return colorSpace === 'srgb' && data instanceof Uint8ClampedArray ? { ...known, pixels: data } : known;
}

function drawable(kind: string, image: CanvasImageSource, width: number, height: number, time: number): Known {
  if (width > 0 && height > 0)
    return { kind, width, height, time, draw: (context) => context.drawImage(image, 0, 0, width, height) };
  throw new TrackerError('IMAGE_UNREADABLE', `${kind}: is closed or empty (${width} x ${height} pixels)`, {
    hint: 'close it after the call: its pixels are read before the call returns',
  });
}

function unreadable(kind: string, cause: unknown): TrackerError {
  // a DOMException may be of another window, too
  if ((cause as { name?: unknown } | undefined)?.name === 'SecurityError')
    return new TrackerError('IMAGE_UNREADABLE', `${kind}: its pixels are of another origin, and may not be read`, {
      hint: 'serve it with Access-Control-Allow-Origin and set crossorigin="anonymous" on the element, or from the page\'s own server',
      cause,
    });
  return new TrackerError('IMAGE_UNREADABLE', `${kind}: its pixels cannot be read: ${messageOf(cause)}`, {
    hint: 'check that the page shows it',
    cause,
  });
}

/** RGBA -> RGB: of four pixels at a time, four words become three. Words are little-endian, as they are wherever WebAssembly runs. */
function packedRgb(rgba: Uint8ClampedArray): Uint8Array {
  const pixels = rgba.length / 4;
  // an ImageData may be a view of somebody's memory, which begins anywhere
  const { buffer, byteOffset } = rgba.byteOffset % 4 === 0 ? rgba : rgba.slice();
  const from = new Uint32Array(buffer, byteOffset, pixels);
  const words = new Uint32Array(Math.ceil((3 * pixels) / 4));
  const rgb = new Uint8Array(words.buffer, 0, 3 * pixels);
  let pixel = 0;
  for (let to = 0; pixel + 4 <= pixels; pixel += 4, to += 3) {
    const b = from[pixel + 1]! & 0xffffff;
    const c = from[pixel + 2]! & 0xffffff;
    words[to] = (from[pixel]! & 0xffffff) | (b << 24);
    words[to + 1] = (b >>> 8) | (c << 16);
    words[to + 2] = (c >>> 16) | (from[pixel + 3]! << 8);
  }
  for (; pixel < pixels; pixel++) for (let c = 0; c < 3; c++) rgb[3 * pixel + c] = rgba[4 * pixel + c]!;
  return rgb;
}
