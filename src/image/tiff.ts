/** The directories of a TIFF file (TIFF 6.0, and BigTIFF): which of its pages are pictures of their own, and whether their pixels are there. */
import type { FileReader } from './file-reader.js';

export interface TiffScan {
  /** Numbers of the pages that are neither a smaller copy of another one nor a mask, and whose pixels lie in the file. */
  readonly pages: readonly number[];
  /** Why the file is taken as cut short, or as holding more than it says; undefined where it is not. */
  readonly fault: string | undefined;
}

/** Layout of the two kinds of files, TIFF and BigTIFF: bytes of a position, of the count of entries, of an entry. */
interface Layout {
  readonly little: boolean;
  readonly big: boolean;
  readonly positionBytes: number;
  readonly countBytes: number;
  readonly entryBytes: number;
}

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Position of its values in the file, bytes. */
  readonly at: number;
}

interface Directory {
  readonly entries: ReadonlyMap<number, Entry>;
  /** Position of the next one; 0 behind the last. */
  readonly next: number;
}

const KIND = 254; // NewSubfileType
const OLD_KIND = 255; // SubfileType
const DESCRIPTION = 270;
/** Positions of the parts that the pixels are stored in, and their lengths. */
const PARTS = [
  [273, 279],
  [324, 325],
] as const;
/** Bits of NewSubfileType: a smaller copy, a mask. */
const REDUCED = 1;
const MASK = 4;
const OLD_REDUCED = 2;
/** Bytes of a value, by the number of its type. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8 };
const MAX_PAGES = 1_000_000;
/** Limit of parts (strips or tiles) of a page; with more it is not checked that they lie in the file. */
const MAX_PARTS = 2 ** 20;
/** Characters of a description that matter here. */
const TEXT_READ = 1000;

/** Scans the pages of a file; undefined where it is no TIFF. */
export async function scanTiff(file: FileReader): Promise<TiffScan | undefined> {
  const start = await readHeader(file);
  if (!start) return undefined;
  const { layout } = start;
  const pages: number[] = [];
  const seen = new Set<number>();
  let description = '';
  let missing = 0;
  let number = 0;
  for (let at = start.first; at !== 0 && number < MAX_PAGES; number++) {
    // a directory that leads back to one before it would never end
    const directory = seen.has(at) ? undefined : await readDirectory(file, layout, at);
    if (!directory) return { pages, fault: `cut off after ${pages.length} pictures` };
    seen.add(at);
    at = directory.next;
    if (number === 0) description = await textOf(file, layout, directory.entries.get(DESCRIPTION));
    if (!(await isPicture(file, layout, directory))) continue;
    if (await hasPixels(file, layout, directory)) pages.push(number);
    else missing++;
  }
  const fault =
    missing > 0 ? `cut off, the pixels of ${missing} pictures are missing` : hiddenPages(description, number);
  return { pages, fault };
}

/** ImageJ writes one directory only where a file is larger than 4 GB; all pictures lie behind it. */
function hiddenPages(description: string, directories: number): string | undefined {
  const announced = Number(/^ImageJ=[^]*^images=(\d+)/m.exec(description)?.[1] ?? 1);
  if (directories > 1 || announced <= 1) return undefined;
  return `of ${announced} pictures that ImageJ wrote into it only the first can be found: save it as separate pictures or as BigTIFF`;
}

async function readHeader(file: FileReader): Promise<{ layout: Layout; first: number } | undefined> {
  const head = await file.read(0, 8);
  if (!head) return undefined;
  const order = head.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  const version = head.getUint16(2, little);
  const layout = { little, big: false, positionBytes: 4, countBytes: 2, entryBytes: 12 };
  if (version === 42) return { layout, first: head.getUint32(4, little) };
  const big = { little, big: true, positionBytes: 8, countBytes: 8, entryBytes: 20 };
  const first = version === 43 ? await readNumber(file, big, 8, 8) : undefined;
  return first === undefined ? undefined : { layout: big, first };
}

async function readDirectory(file: FileReader, layout: Layout, at: number): Promise<Directory | undefined> {
  const { little, big, positionBytes, countBytes, entryBytes } = layout;
  const count = await readNumber(file, layout, at, countBytes);
  if (count === undefined) return undefined;
  const start = at + countBytes;
  const view = await file.read(start, count * entryBytes + positionBytes);
  if (!view) return undefined;
  const entries = new Map<number, Entry>();
  for (let i = 0; i < count; i++) {
    const offset = i * entryBytes;
    const type = view.getUint16(offset + 2, little);
    const values = big ? Number(view.getBigUint64(offset + 4, little)) : view.getUint32(offset + 4, little);
    const value = offset + entryBytes - positionBytes;
    const inside = values * (TYPE_BYTES[type] ?? 8) <= positionBytes;
    const position = numberAt(view, value, positionBytes, little);
    entries.set(view.getUint16(offset, little), { type, count: values, at: inside ? start + value : position });
  }
  return { entries, next: numberAt(view, count * entryBytes, positionBytes, little) };
}

async function isPicture(file: FileReader, layout: Layout, { entries }: Directory): Promise<boolean> {
  const [kind = 0] = (await numbersOf(file, layout, entries.get(KIND))) ?? [];
  const [old = 0] = (await numbersOf(file, layout, entries.get(OLD_KIND))) ?? [];
  return (kind & (REDUCED | MASK)) === 0 && old !== OLD_REDUCED;
}

async function hasPixels(file: FileReader, layout: Layout, { entries }: Directory): Promise<boolean> {
  for (const [positions, lengths] of PARTS) {
    if ((entries.get(positions)?.count ?? Infinity) > MAX_PARTS) continue;
    const starts = await numbersOf(file, layout, entries.get(positions));
    const sizes = await numbersOf(file, layout, entries.get(lengths));
    if (!starts || (entries.has(lengths) && !sizes)) return false;
    return starts.every((start, i) => start + (sizes?.[i] ?? 0) <= file.size);
  }
  return true;
}

/** Undefined where there are none, or where the file ends before them. */
async function numbersOf(
  file: FileReader,
  { little }: Layout,
  entry: Entry | undefined,
): Promise<number[] | undefined> {
  const bytes = entry && TYPE_BYTES[entry.type];
  if (!bytes) return undefined;
  const view = await file.read(entry.at, entry.count * bytes);
  return view && Array.from({ length: entry.count }, (_, i) => numberAt(view, i * bytes, bytes, little));
}

async function textOf(file: FileReader, layout: Layout, entry: Entry | undefined): Promise<string> {
  const short = entry && { ...entry, count: Math.min(entry.count, TEXT_READ) };
  const codes = (await numbersOf(file, layout, short)) ?? [];
  return codes.map((code) => String.fromCharCode(code)).join('');
}

async function readNumber(
  file: FileReader,
  { little }: Layout,
  at: number,
  bytes: number,
): Promise<number | undefined> {
  const view = await file.read(at, bytes);
  return view && numberAt(view, 0, bytes, little);
}

function numberAt(view: DataView, at: number, bytes: number, little: boolean): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, little);
  return bytes === 4 ? view.getUint32(at, little) : Number(view.getBigUint64(at, little));
}
