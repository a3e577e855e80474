/**
 * The entries of a zip archive whose files are stored, not compressed, as views of its bytes: nothing is unpacked, so no archive can be
 * larger in memory than on disk. (fflate copies each entry and checks no checksums.)
 */
import { crc32 } from 'node:zlib';

export interface ZipEntry {
  readonly size: number;
  /** The bytes, once their checksum is found right; fails where it is not, or where the entry is compressed. */
  read(): Uint8Array;
}

/** Told what is wrong with the archive; throws. */
export type Fail = (why: string) => never;

const END_SIGNATURE = 0x06054b50;
const END_SIZE = 22;
const LONGEST_COMMENT = 0xffff;
const LOCATOR_64_SIGNATURE = 0x07064b50;
const LOCATOR_64_SIZE = 20;
const END_64_SIGNATURE = 0x06064b50;
const END_64_SIZE = 56;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_SIZE = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_SIZE = 30;
/** Stands for a value that is in the zip64 field. */
const IN_64 = 0xffffffff;
const ZIP64_FIELD = 1;

/** "PK", 3, 4. */
export const isZip = ([a, b, c, d]: Uint8Array): boolean => a === 0x50 && b === 0x4b && c === 3 && d === 4;

/** By name. */
export function readStoredZip(bytes: Uint8Array, fail: Fail): ReadonlyMap<string, ZipEntry> {
  const archive = new Archive(bytes, fail);
  const { count, at } = findDirectory(archive);
  const entries = new Map<string, ZipEntry>();
  let next = at;
  for (let i = 0; i < count; i++) {
    archive.need(next, CENTRAL_SIZE, 'its directory');
    if (archive.u32(next) !== CENTRAL_SIGNATURE) fail('its directory is damaged');
    const [name, extra, comment] = [archive.u16(next + 28), archive.u16(next + 30), archive.u16(next + 32)];
    const from = next + CENTRAL_SIZE;
    archive.need(from, name + extra + comment, 'its directory');
    const text = new TextDecoder().decode(bytes.subarray(from, from + name));
    if (entries.has(text)) fail(`it has two entries ${JSON.stringify(text)}`);
    entries.set(text, readEntry(archive, next, extendedValues(archive, from + name, extra), text));
    next = from + name + extra + comment;
  }
  return entries;
}

class Archive {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly fail: Fail,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(at: number): number {
    return this.view.getUint16(at, true);
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  /** 64 bits; what no file is as long as becomes a number that none is as long as either. */
  u64(at: number): number {
    return Number(this.view.getBigUint64(at, true));
  }

  need(from: number, count: number, what: string): void {
    if (!(from + count <= this.bytes.length)) this.fail(`${what} lies beyond the end: the file is cut off or damaged`);
  }
}

function findDirectory(archive: Archive): { count: number; at: number } {
  const last = archive.bytes.length - END_SIZE;
  for (let end = last; end >= Math.max(0, last - LONGEST_COMMENT); end--) {
    if (archive.u32(end) !== END_SIGNATURE) continue;
    const locator = end - LOCATOR_64_SIZE;
    if (locator < 0 || archive.u32(locator) !== LOCATOR_64_SIGNATURE)
      return { count: archive.u16(end + 10), at: archive.u32(end + 16) };
    const end64 = archive.u64(locator + 8);
    archive.need(end64, END_64_SIZE, 'its directory');
    if (archive.u32(end64) !== END_64_SIGNATURE) archive.fail('its directory is damaged');
    return { count: archive.u64(end64 + 32), at: archive.u64(end64 + 48) };
  }
  return archive.fail('the end of the archive is missing: the file is cut off');
}

/**
 * @param at the entry's record in the directory
 * @param extended values that do not fit there, in this order
 */
function readEntry(archive: Archive, at: number, extended: number[], name: string): ZipEntry {
  const { fail } = archive;
  const value = (field: number): number => {
    const own = archive.u32(at + field);
    return own === IN_64 ? (extended.shift() ?? own) : own;
  };
  const [flags, method, checksum] = [archive.u16(at + 8), archive.u16(at + 10), archive.u32(at + 16)];
  const [size, packed, local] = [value(24), value(20), value(42)];
  return {
    size,
    read() {
      if (flags & 1) fail(`${name} is encrypted`);
      if (method !== 0 || packed !== size) fail(`${name} is compressed; torch.save stores its files as they are`);
      archive.need(local, LOCAL_SIZE, name);
      if (archive.u32(local) !== LOCAL_SIGNATURE) fail(`${name} is not where the directory says`);
      const from = local + LOCAL_SIZE + archive.u16(local + 26) + archive.u16(local + 28);
      archive.need(from, size, name);
      const bytes = archive.bytes.subarray(from, from + size);
      if (crc32(bytes) !== checksum) fail(`${name} is damaged: its checksum is another one`);
      return bytes;
    },
  };
}

/** Values of the zip64 field, if there is one. */
function extendedValues(archive: Archive, from: number, length: number): number[] {
  const end = from + length;
  let at = from;
  while (at + 4 <= end) {
    const [kind, size] = [archive.u16(at), archive.u16(at + 2)];
    if (kind === ZIP64_FIELD && at + 4 + size <= end)
      return Array.from({ length: Math.min(3, Math.floor(size / 8)) }, (_, i) => archive.u64(at + 4 + 8 * i));
    at += 4 + size;
  }
  return [];
}
