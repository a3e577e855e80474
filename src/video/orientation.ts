/** How the stored picture becomes the one that players show: turned, and sometimes mirrored. */
import type { Size } from '../geometry.js';

export interface Orientation {
  /** Clockwise turn that makes the stored picture upright, degrees, 0 to 359. */
  readonly rotation: number;
  /** After the turn, left and right are exchanged: a selfie camera, a scanner. */
  readonly mirrored: boolean;
}

export const UPRIGHT: Orientation = { rotation: 0, mirrored: false };

export interface DisplayMatrix {
  /** Degrees, anticlockwise; it cannot tell a mirrored picture from a turned one. */
  readonly rotation?: number | undefined;
  /** Nine numbers, as ffprobe prints them: an address before each three. */
  readonly displaymatrix?: string | undefined;
}

/** @param tag clockwise degrees, of older files without a matrix */
export function orientationOf(matrix: DisplayMatrix | undefined, tag?: string): Orientation {
  const entries = matrixEntries(matrix?.displaymatrix);
  if (entries) return fromMatrix(entries);
  const clockwise = matrix?.rotation === undefined ? Number(tag ?? 0) : -matrix.rotation;
  return { rotation: normalTurn(clockwise), mirrored: false };
}

function matrixEntries(text: string | undefined): number[] | undefined {
  const rows = [...(text ?? '').matchAll(/:((?:\s+-?\d+){3})/g)].map(([, row]) => row!.trim().split(/\s+/).map(Number));
  return rows.length === 3 ? rows.flat() : undefined;
}

/** The pixel (x, y) is shown at (a x + c y, b x + d y): https://developer.apple.com/documentation/quicktime-file-format/matrices */
function fromMatrix([a = 1, b = 0, , c = 0, d = 1]: readonly number[]): Orientation {
  const determinant = a * d - b * c;
  if (determinant === 0) return UPRIGHT;
  const mirrored = determinant < 0;
  return { rotation: normalTurn((Math.atan2(b, mirrored ? -a : a) * 180) / Math.PI), mirrored };
}

function normalTurn(degrees: number): number {
  return Number.isFinite(degrees) ? ((Math.round(degrees) % 360) + 360) % 360 : 0;
}

/** A quarter turn exchanges width and height. */
export function turned({ width, height }: Size, { rotation }: Pick<Orientation, 'rotation'>): Size {
  return rotation % 180 === 90 ? { width: height, height: width } : { width, height };
}

const FILTERS = {
  upright: { 0: [], 90: ['transpose=clock'], 180: ['hflip', 'vflip'], 270: ['transpose=cclock'] },
  mirrored: { 0: ['hflip'], 90: ['transpose=cclock_flip'], 180: ['vflip'], 270: ['transpose=clock_flip'] },
} as const;

/**
 * ffmpeg's filters that turn the stored picture into the shown one. Its own autorotate is no help: before FFmpeg 5 it takes a mirrored
 * picture for one that is turned by 180 degrees.
 */
export function uprightFilters({ rotation, mirrored }: Orientation): readonly string[] {
  const filters = FILTERS[mirrored ? 'mirrored' : 'upright'];
  if (rotation in filters) return filters[rotation as keyof typeof filters];
  return [`rotate=${rotation}*PI/180`, ...(mirrored ? ['hflip'] : [])];
}
