/** Annotated footage for fine-tuning: which layout a folder has, its sequences, and every fault in them. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { learnableBoxes, readGroundTruth } from '../datasets/ground-truth.js';
import { messageOf, TrackerError } from '../errors.js';
import { findDataset } from '../datasets/index.js';
import { LASOT_ALL } from '../datasets/lasot.js';
import { exists, imageSequence, type Dataset } from '../datasets/layout.js';
import { FOLDER } from '../datasets/single.js';
import type { AnnotatedSequence } from '../datasets/types.js';
import { isHttp } from '../video/address.js';
import { nameOf } from '../video/source.js';
import { checkFrames } from './check-frames.js';
import type { Sequence } from '../datasets/footage.js';
import type { FootageFault } from './finetune-options.js';
import { stopped } from './session.js';

/** In this order, where several fit equally well. */
const LAYOUTS: readonly Dataset[] = [
  FOLDER,
  LASOT_ALL,
  ...[
    'got10k-train',
    'got10k-val',
    'trackingnet-train',
    'otb100',
    'tcolor128',
    'uav123',
    'nfs30',
    'avist',
    'tnl2k',
    'vot',
  ].map(findDataset),
];

/** Sequences of a folder that are tried to tell its layout. */
const TRIED = 12;

export interface FootageFound {
  /** Name of the layout that was recognised, for people. */
  readonly layout: string;
  /** Those without a fault. */
  readonly sequences: readonly Sequence[];
  /** Held-out sequences, if the folder brings a split of its own. */
  readonly heldOut?: readonly Sequence[] | undefined;
  readonly faults: readonly FootageFault[];
}

interface Listing {
  readonly dataset: Dataset;
  readonly root: string;
  readonly names: readonly string[];
}

/**
 * Reads and checks everything; each sequence with its faults, all of them.
 * @param data folder of sequences, one sequence's folder, or a video file
 * @param truth annotation of a video file; left out: groundtruth.txt beside it, or the file of its name that ends in .txt
 * @throws TrackerError INPUT_NOT_FOUND where nothing is recognised; INTERRUPTED where the signal was aborted
 */
export async function readFootage(data: string, truth?: string, signal?: AbortSignal): Promise<FootageFound> {
  if (isHttp(data)) return readAddress(data, truth, signal);
  const found = await stat(data).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `--data ${data}: ${messageOf(cause)}`, { hint: 'check --data', cause });
  });
  if (!found.isFile() && !found.isDirectory()) {
    throw new TrackerError('INPUT_NOT_FOUND', `--data ${data}: neither a file nor a folder`, {
      hint: 'footage is read several times: save it to a file first',
    });
  }
  if (found.isFile() || truth !== undefined) return checkAll('one video', [() => readVideo(data, truth)], signal);
  if (await exists(path.join(data, 'groundtruth.txt'))) {
    const at = path.resolve(data);
    return checkAll('one sequence', [() => FOLDER.read(path.dirname(at), path.basename(at))], signal);
  }
  const own = await findListing([data]);
  const learned = own?.readable
    ? own
    : await findListing([path.join(data, 'train'), path.join(data, 'sequences/train')]);
  const listing = learned?.readable ? learned : (own ?? learned);
  if (!listing) throw unknownLayout(data);
  const main = await checkAll(listing.dataset.title, readers(listing), signal);
  if (path.basename(listing.root) !== 'train') return main;
  const val = await findListing([path.join(path.dirname(listing.root), 'val')]);
  if (!val?.readable) return main;
  const held = await checkAll(val.dataset.title, readers(val), signal);
  return { ...main, heldOut: held.sequences, faults: [...main.faults, ...held.faults] };
}

type Reader = (() => Promise<AnnotatedSequence>) & { readonly label?: string };

const readers = ({ dataset, root, names }: Listing): Reader[] =>
  names.map((name) => Object.assign(() => dataset.read(root, name), { label: name }));

/** The layout under which most of some sequences can be read; `readable` where one can. */
async function findListing(roots: readonly string[]): Promise<(Listing & { readable: boolean }) | undefined> {
  let best: (Listing & { readable: boolean }) | undefined;
  let most = -1;
  for (const root of roots) {
    for (const dataset of LAYOUTS) {
      const names = await dataset.list(root).catch(() => []);
      const tried = names.filter((_, i) => i % Math.ceil(names.length / TRIED) === 0);
      const read = await Promise.all(tried.map((name) => canRead(dataset, root, name)));
      const share = names.length === 0 ? -1 : read.filter(Boolean).length / tried.length;
      if (share > most) {
        best = { dataset, root, names, readable: share > 0 };
        most = share;
      }
    }
  }
  return best;
}

/** True if the frames exist and the sequence is annotated. */
async function canRead(dataset: Dataset, root: string, name: string): Promise<boolean> {
  try {
    const { truth, source } = await dataset.read(root, name);
    return truth.length > 0 && (await exists(source));
  } catch {
    return false;
  }
}

function unknownLayout(data: string): TrackerError {
  const layouts = LAYOUTS.map(({ name, layout }) => `${name}: ${layout}`).join('; ');
  return new TrackerError('INPUT_NOT_FOUND', `--data ${data}: no annotated sequence found`, {
    hint: `expected a video with --truth FILE, a folder with groundtruth.txt beside video.mp4 or img/, or one of: ${layouts}`,
  });
}

async function readAddress(
  data: string,
  truth: string | undefined,
  signal: AbortSignal | undefined,
): Promise<FootageFound> {
  if (truth === undefined) {
    throw new TrackerError('INPUT_NOT_FOUND', `--data ${data}: no annotation lies beside an address`, {
      hint: 'give it with --truth FILE',
    });
  }
  const name = path.parse(nameOf(data)).name;
  return checkAll(
    'one video',
    [async () => ({ name, source: data, start: 0, ...(await readGroundTruth(truth)) })],
    signal,
  );
}

async function readVideo(video: string, truth: string | undefined): Promise<AnnotatedSequence> {
  const { dir, name } = path.parse(video);
  const beside = [path.join(dir, `${name}.txt`), path.join(dir, 'groundtruth.txt')];
  const file = truth ?? ((await exists(beside[0]!)) ? beside[0]! : beside[1]!);
  const boxes = await readGroundTruth(file);
  const isFolder = (await stat(video)).isDirectory();
  return isFolder ? imageSequence(name, video, boxes) : { name, source: video, start: 0, ...boxes };
}

async function checkAll(
  layout: string,
  sequences: readonly Reader[],
  signal: AbortSignal | undefined,
): Promise<FootageFound> {
  const good: Sequence[] = [];
  const faults: FootageFault[] = [];
  for (const read of sequences) {
    const name = read.label ?? layout;
    const { sequence, messages } = await checkSequence(read, signal);
    if (signal?.aborted) throw stopped('while the footage was checked');
    if (sequence && messages.length === 0) good.push(sequence);
    faults.push(...messages.map((message) => ({ sequence: sequence?.name ?? name, message })));
  }
  return { layout, sequences: good, faults };
}

async function checkSequence(
  read: Reader,
  signal: AbortSignal | undefined,
): Promise<{ sequence?: Sequence; messages: string[] }> {
  let found: AnnotatedSequence;
  try {
    found = await read();
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    return { messages: error.message.split(';\n') };
  }
  const { name, truth, absent, source: video, start, annotation } = found;
  const { boxes, faults: messages } = learnableBoxes(truth, annotation ?? name, absent);
  const sequence = { name, video, start, boxes, annotation };
  // a file of which no line is right has been told of already
  const worthwhile = messages.length === 0 || boxes.some((box) => box !== undefined);
  const frames = worthwhile ? await checkFrames(sequence, annotation ?? name, signal) : [];
  return { sequence, messages: [...messages, ...frames] };
}
