/**
 * The feature bank: crops as features of the frozen backbone, so that a training step does not pay for the backbone.
 * Each map is stored as 8-bit roots (value = (q / 255)^2 * scale of the channel), channel last, in one flat file a map.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Provenance } from '../datasets/footage.js';
import { messageOf, TrackerError } from '../errors.js';
import type { FeatureMap } from '../features/backbone.js';
import type { BackboneEntry } from '../features/manifest.js';
import { writeWhole } from '../files/write.js';
import { writeInput } from '../image/crop.js';
import type { FloatTensor } from '../runtime/onnx.js';
import type { TrainingCrop } from './augment.js';

/** [B, C, H, W] */
export type BankMap = Pick<FeatureMap, 'data' | 'batch' | 'channels' | 'height' | 'width'>;

/** Backbone that fills a bank: one that ships, or one with an earlier map in place of the fine one (learned-stages.ts). */
export interface BankBackbone {
  readonly entry: BackboneEntry;
  extract(input: FloatTensor): Promise<{ readonly fine: BankMap; readonly coarse: BankMap }>;
}

/** Description of one crop of the bank; boxes in crop pixels. */
export interface BankEntry {
  /** Object: crops of one object make pairs. */
  readonly object: number;
  readonly frame: number;
  readonly flip: boolean;
  /** Truth: cx, cy, w, h. */
  readonly box: readonly [number, number, number, number];
  /** Size of the last box. */
  readonly last: readonly [number, number];
}

interface MapLayout {
  readonly cells: number;
  readonly channels: number;
  /** Value of the 8-bit 255, a channel. */
  readonly scale: readonly number[];
}

/** Progress of filling a bank. */
export interface FillState {
  /** Sequences and photographs that are done. */
  readonly done: number;
}

interface BankHeader {
  readonly version: 1;
  /** Identifies footage, settings and seed that it was filled from. */
  readonly source?: string;
  readonly backbone: string;
  readonly cropSize: number;
  readonly fine: MapLayout;
  readonly coarse: MapLayout;
  /** Provenance of object 0, 1, ...; objects that are left out have none. */
  readonly sources?: readonly Provenance[];
  readonly entries: BankEntry[];
}

const HEADER = 'bank.json';
/** Header of a bank that is not full yet, with a FillState. */
const PARTIAL = 'bank.partial.json';
/** Crops from one saving of a filling's state to the next, at least. */
const SAVE_EVERY = 256;
const FINE = 'fine.u8';
const COARSE = 'coarse.u8';
/** All files of a bank's folder. */
export const BANK_FILES: readonly string[] = [HEADER, PARTIAL, FINE, COARSE];
/** Crops that the channels' scales are measured on. */
const SCALE_CROPS = 192;
/** Values above the measured maximum are clipped, so leave some room. */
const SCALE_ROOM = 1.1;
const BATCH = 4;

/** Fills a bank, crop by crop; it cannot be read until finish() has written its header, but what was saved is gone on from. */
export class BankWriter {
  private entries: BankEntry[] = [];
  private saved = 0;
  private pending: { crop: TrainingCrop; entry: BankEntry }[] = [];
  /** The batch in the backbone: the next crops are made meanwhile. */
  private running: Promise<void> = Promise.resolve();
  /** Features kept until the scales are known. */
  private early: { fine: BankMap; coarse: BankMap }[] | undefined = [];
  private layouts: { fine: MapLayout; coarse: MapLayout } | undefined;
  private readonly files: { fine: number; coarse: number };
  /** Positions in the files at which the next maps are written, bytes. */
  private end = { fine: 0, coarse: 0 };

  private constructor(
    private readonly folder: string,
    private readonly backbone: BankBackbone,
    private readonly cropSize: number,
    private readonly source: string,
    /** Progress of an earlier filling from the same source, which goes on; undefined for a new one. */
    readonly resumed: FillState | undefined,
    private readonly sources: readonly Provenance[],
  ) {
    const flags = resumed ? 'r+' : 'w';
    this.files = { fine: openSync(join(folder, FINE), flags), coarse: openSync(join(folder, COARSE), flags) };
  }

  /**
   * @param source identifies what it is filled from: an unfinished bank of the same source is gone on with, another is replaced
   * @param sources of the objects, see BankHeader
   */
  static async open(
    folder: string,
    backbone: BankBackbone,
    cropSize: number,
    source: string,
    sources: readonly Provenance[] = [],
  ): Promise<BankWriter> {
    await mkdir(folder, { recursive: true });
    await rm(join(folder, HEADER), { force: true });
    const partial = await readPartial(folder);
    const fits =
      partial?.source === source && partial.backbone === backbone.entry.sha256 && partial.cropSize === cropSize;
    const writer = new BankWriter(folder, backbone, cropSize, source, fits ? partial.fill : undefined, sources);
    if (fits) writer.restore(partial);
    return writer;
  }

  /** Cuts off the crops that were written after the last save. */
  private restore({ entries, fine, coarse }: PartialHeader): void {
    this.entries = entries;
    this.saved = entries.length;
    this.early = undefined;
    this.layouts = { fine, coarse };
    ftruncateSync(this.files.fine, entries.length * sizeOf(fine));
    ftruncateSync(this.files.coarse, entries.length * sizeOf(coarse));
    this.end = { fine: entries.length * sizeOf(fine), coarse: entries.length * sizeOf(coarse) };
  }

  /** Saves where the filling stands, if enough has come in since the last time; a filling that is stopped goes on from there. */
  async save(fill: FillState): Promise<void> {
    if (!this.layouts || this.size - this.saved < SAVE_EVERY) return;
    await this.running;
    await this.flush();
    this.saved = this.entries.length;
    await this.writeHeader(PARTIAL, { ...this.header(), fill });
  }

  private header(): BankHeader {
    return {
      version: 1,
      source: this.source,
      backbone: this.backbone.entry.sha256,
      cropSize: this.cropSize,
      ...this.layouts!,
      sources: this.sources,
      entries: this.entries,
    };
  }

  private async writeHeader(name: string, header: BankHeader | PartialHeader): Promise<void> {
    await writeWhole(join(this.folder, name), JSON.stringify(header));
  }

  /** Gives up what was not saved. */
  async close(): Promise<void> {
    await this.running.catch(() => undefined);
    closeSync(this.files.fine);
    closeSync(this.files.coarse);
  }

  get size(): number {
    return this.entries.length + this.pending.length;
  }

  async add(crop: TrainingCrop, object: number, frame: number, flip: boolean): Promise<void> {
    const { box } = crop;
    const entry: BankEntry = {
      object,
      frame,
      flip,
      box: [box.cx, box.cy, box.w, box.h],
      last: [crop.lastWidth, crop.lastHeight],
    };
    this.pending.push({ crop, entry });
    if (this.pending.length < BATCH) return;
    await this.running;
    this.running = this.flush();
    this.running.catch(() => undefined); // told where it is awaited: by the next add() that fills a batch, or by finish()
  }

  async finish(): Promise<void> {
    await this.running;
    await this.flush();
    this.measure();
    await this.close();
    await this.writeHeader(HEADER, this.header());
    await rm(join(this.folder, PARTIAL), { force: true });
  }

  private async flush(): Promise<void> {
    if (this.pending.length === 0) return;
    const size = this.cropSize;
    const data = new Float32Array(this.pending.length * 3 * size * size);
    const { input } = this.backbone.entry;
    this.pending.forEach(({ crop }, index) => writeInput(crop.rgb, input, data, index));
    const batch = this.pending.length;
    const dims = input.layout === 'NCHW' ? [batch, 3, size, size] : [batch, size, size, 3];
    this.entries.push(...this.pending.map(({ entry }) => entry));
    this.pending = [];
    const features = await this.backbone.extract({ data, dims });
    if (this.early) {
      this.early.push(features);
      if (this.early.length * BATCH >= SCALE_CROPS) this.measure();
    } else {
      this.write(features);
    }
  }

  /** Fixes the channels' scales on the crops so far and writes these. */
  private measure(): void {
    if (!this.early) return;
    const early = this.early;
    this.early = undefined;
    this.layouts = {
      fine: measureScale(early.map(({ fine }) => fine)),
      coarse: measureScale(early.map(({ coarse }) => coarse)),
    };
    for (const features of early) this.write(features);
  }

  private write({ fine, coarse }: { fine: BankMap; coarse: BankMap }): void {
    this.end.fine += writeSync(
      this.files.fine,
      quantise(fine, this.layouts!.fine),
      undefined,
      undefined,
      this.end.fine,
    );
    const bytes = quantise(coarse, this.layouts!.coarse);
    this.end.coarse += writeSync(this.files.coarse, bytes, undefined, undefined, this.end.coarse);
  }
}

interface PartialHeader extends BankHeader {
  readonly fill: FillState;
}

async function readPartial(folder: string): Promise<PartialHeader | undefined> {
  const text = await readFile(join(folder, PARTIAL), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as PartialHeader);
}

/** Bytes of one crop's map. */
const sizeOf = ({ cells, channels }: MapLayout): number => cells * cells * channels;

function measureScale(maps: readonly BankMap[]): MapLayout {
  const { channels, width, height } = maps[0]!;
  const scale = Array<number>(channels).fill(1e-3);
  for (const map of maps) {
    const cells = map.width * map.height;
    for (let b = 0, at = 0; b < map.batch; b++) {
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < cells; i++, at++) scale[c] = Math.max(scale[c]!, map.data[at]! * SCALE_ROOM);
      }
    }
  }
  if (width !== height) throw new RangeError(`map of ${width} x ${height} cells, expected a square`);
  return { cells: width, channels, scale };
}

/** [B, C, H, W] floats -> [B, H, W, C] 8-bit roots. */
function quantise(map: BankMap, layout: MapLayout): Uint8Array {
  const cells = map.width * map.height;
  const { channels } = layout;
  const result = new Uint8Array(map.data.length);
  for (let b = 0, at = 0; b < map.batch; b++) {
    const start = b * cells * channels;
    for (let c = 0; c < channels; c++) {
      const norm = 1 / layout.scale[c]!;
      for (let i = 0, to = start + c; i < cells; i++, at++, to += channels) {
        result[to] = 255 * Math.sqrt(Math.min(1, Math.max(0, map.data[at]! * norm))) + 0.5;
      }
    }
  }
  return result;
}

/** A finished bank, read crop by crop. */
export class Bank {
  private readonly files: { fine: number; coarse: number };
  private buffer = new Uint8Array(0);

  private constructor(
    folder: string,
    readonly header: BankHeader,
  ) {
    this.files = { fine: openSync(join(folder, FINE), 'r'), coarse: openSync(join(folder, COARSE), 'r') };
  }

  /** @throws TrackerError DATA_INVALID where there is no finished bank, or one of another backbone */
  static async open(folder: string, backboneHash: string): Promise<Bank> {
    const hint = 'remove that folder: it is filled anew';
    const text = await readFile(join(folder, HEADER), 'utf8').catch((cause: unknown) => {
      throw new TrackerError('DATA_INVALID', `feature bank ${folder}: ${messageOf(cause)}`, { hint, cause });
    });
    const header = JSON.parse(text) as BankHeader;
    if (header.backbone !== backboneHash) {
      const found = `made by backbone ${header.backbone.slice(0, 12)}, expected ${backboneHash.slice(0, 12)}`;
      throw new TrackerError('DATA_INVALID', `feature bank ${folder}: ${found}`, { hint });
    }
    return new Bank(folder, header);
  }

  /** True if a finished bank of that source is there; for banks without a source (older versions), any. */
  static async isThere(folder: string, source: string): Promise<boolean> {
    const text = await readFile(join(folder, HEADER), 'utf8').catch(() => undefined);
    if (text === undefined) return false;
    const found = (JSON.parse(text) as BankHeader).source;
    return found === undefined || found === source;
  }

  get entries(): readonly BankEntry[] {
    return this.header.entries;
  }

  /** A map of some crops, [B, H, W, C]. */
  read(map: 'fine' | 'coarse', indices: readonly number[]): Float32Array {
    const file = this.files[map];
    const layout = this.header[map];
    const { channels } = layout;
    const size = layout.cells * layout.cells * channels;
    if (this.buffer.length < size) this.buffer = new Uint8Array(size);
    const result = new Float32Array(indices.length * size);
    const factors = Float32Array.from(layout.scale, (scale) => scale / 65025);
    indices.forEach((index, b) => {
      if (readSync(file, this.buffer, 0, size, index * size) !== size)
        throw new RangeError(`crop ${index} is not in the bank`);
      for (let i = 0, at = b * size; i < size;) {
        for (let c = 0; c < channels; c++, i++, at++) {
          const root = this.buffer[i]!;
          result[at] = root * root * factors[c]!;
        }
      }
    });
    return result;
  }

  close(): void {
    closeSync(this.files.fine);
    closeSync(this.files.coarse);
  }
}
