/**
 * Result files: one SEQ.txt a sequence. Our own folders are
 *
 *   RUN/SEQ.txt              x,y,w,h a frame, four decimals
 *   RUN/confidence/SEQ.txt   0 to 1, one a line
 *   RUN/times/SEQ.txt        seconds, one a line
 *
 * SEQ.txt is renamed into place last: where it stands, the sequence is done. Folders of other toolkits are read too.
 */
import { access, mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { checkFlags, readGroundTruth } from '../datasets/ground-truth.js';
import { messageOf, TrackerError } from '../errors.js';
import { outputFailed, replaceFile } from '../files/write.js';
import { parseRows, readList, readNumbersFile, readRows } from '../io/number-rows.js';
import { isHidden } from '../video/images.js';
import { parseRestartRun } from './protocols/vot.js';
import { packRestarts } from './protocols/vot-restarts.js';
import type { AnnotatedSequence } from '../datasets/types.js';
import type { ScoredSequence, SequenceResult } from './types.js';

/** Annotations without footage. */
export type Annotated = Omit<AnnotatedSequence, 'source' | 'start'>;

/** Paths at which toolkits write the boxes of sequence S, relative to the folder of one tracker. */
const BOX_FILES: readonly ((name: string) => string)[] = [
  (name) => `${name}.txt`, // ours, LaSOT, pytracking, pysot, got10k for OTB and the like
  (name) => `${name}/${name}_001.txt`, // GOT-10k
];
const CONFIDENCE_FILES: readonly ((name: string) => string)[] = [
  (name) => `confidence/${name}.txt`,
  (name) => `${name}_object_presence_scores.txt`, // pytracking
  (name) => `${name}/${name}_001_confidence.value`, // pysot, long-term
];
const TIME_FILES: readonly ((name: string) => string)[] = [
  (name) => `times/${name}.txt`,
  (name) => `${name}_time.txt`, // pytracking
  (name) => `times/${name}_time.txt`, // got10k, OTB and the like
  (name) => `${name}/${name}_time.txt`, // GOT-10k: a column a repetition
];

/** Not boxes: what stands beside them in the folders of toolkits. */
const OTHER_FILES = /_(time|object_presence_scores|confidence)\.txt$/;

export async function hasSequenceResult(folder: string, name: string): Promise<boolean> {
  return exists(path.join(folder, `${name}.txt`));
}

/** Writes one sequence whole or not at all. @throws TrackerError OUTPUT_FAILED */
export async function writeSequenceResult(folder: string, name: string, result: SequenceResult): Promise<void> {
  const { boxes, confidence, seconds } = result;
  if (confidence) await writeWhole(path.join(folder, 'confidence', `${name}.txt`), lines(confidence, 1, 6));
  if (seconds) await writeWhole(path.join(folder, 'times', `${name}.txt`), lines(seconds, 1, 6));
  await writeWhole(path.join(folder, `${name}.txt`), lines(boxes, 4, 4));
}

function lines(values: Float64Array, columns: number, decimals: number): string {
  let text = '';
  for (let i = 0; i < values.length; i++)
    text += values[i]!.toFixed(decimals) + (i % columns === columns - 1 ? '\n' : ',');
  return text;
}

/** Writes beside the file and renames: a reader sees the old file or the new one; a link is replaced. @throws TrackerError OUTPUT_FAILED */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await replaceFile(file, content);
  } catch (cause) {
    throw outputFailed(file, cause, 'the folder must be writable and have room');
  }
}

/** Reads the result of one sequence, of our own or another toolkit's folder. @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID naming the line */
export async function readSequenceResult(folder: string, name: string): Promise<SequenceResult> {
  const file = await firstThatExists(folder, name, BOX_FILES);
  if (file === undefined) {
    const expected = BOX_FILES.map((of) => of(name)).join(' or ');
    throw new TrackerError('INPUT_NOT_FOUND', `results ${folder}: nothing of sequence ${name}, expected ${expected}`, {
      hint: 'name the folder that holds one file a sequence',
    });
  }
  const boxes = await readBoxRows(file);
  const confidenceFile = await firstThatExists(folder, name, CONFIDENCE_FILES);
  const timeFile = await firstThatExists(folder, name, TIME_FILES);
  return {
    boxes,
    confidence: confidenceFile === undefined ? undefined : await readList(confidenceFile),
    seconds: timeFile === undefined ? undefined : firstColumn(await readRows(timeFile, [1, 2, 3, 4, 5, 15])),
  };
}

/** [N, 4]; files of VOT's own format, with single codes in place of boxes, too. */
async function readBoxRows(file: string): Promise<Float64Array> {
  const text = await readNumbersFile(file);
  return /^\s*1\s*$/.test(text.slice(0, text.indexOf('\n') + 1))
    ? packRestarts(parseRestartRun(text, file), file)
    : parseRows(text, file, [4]).rows;
}

function firstColumn({ rows, columns }: { rows: Float64Array; columns: number }): Float64Array {
  return rows.filter((_, i) => i % columns === 0);
}

/** Names of the sequences a folder has results of. @throws TrackerError INPUT_NOT_FOUND */
export async function listResults(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `results ${folder}: ${messageOf(cause)}`, {
      hint: 'check the path',
      cause,
    });
  });
  const names: string[] = [];
  for (const name of entries) {
    if (isHidden(name)) continue;
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    // a link that leads nowhere counts: reading it says so
    if ((!found || found.isFile()) && name.endsWith('.txt') && !OTHER_FILES.test(name)) names.push(name.slice(0, -4));
    if (found?.isDirectory() && (await exists(path.join(folder, BOX_FILES[1]!(name))))) names.push(name);
  }
  return names.toSorted();
}

/**
 * Annotations of a plain folder: SEQ.txt with x,y,w,h a frame, and in another folder SEQ.txt with 1 where the target is absent.
 * @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID naming file and line
 */
export async function readTruthFolder(truthFolder: string, absentFolder?: string): Promise<Annotated[]> {
  const names = await listResults(truthFolder);
  if (names.length === 0) {
    throw new TrackerError('INPUT_NOT_FOUND', `truth ${truthFolder}: no SEQ.txt found`, {
      hint: 'expected one file a sequence, x,y,w,h a line',
    });
  }
  const read = async (name: string): Promise<Annotated> => {
    const annotated = await readGroundTruth(path.join(truthFolder, `${name}.txt`));
    if (absentFolder === undefined) return { name, ...annotated };
    const file = path.join(absentFolder, `${name}.txt`);
    return { name, ...annotated, absent: checkFlags(await readList(file), annotated.truth.length / 4, file) };
  };
  return Promise.all(names.map(read));
}

/** The results of `folder` beside their truth; names without a result are told, not scored. */
export async function pairResults(
  sequences: readonly Annotated[],
  folder: string,
): Promise<{ scored: ScoredSequence[]; missing: string[] }> {
  const present = new Set(await listResults(folder));
  const missing = sequences.filter(({ name }) => !present.has(name)).map(({ name }) => name);
  const found = sequences.filter(({ name }) => present.has(name));
  const scored = await Promise.all(
    found.map(async (sequence) => ({ ...sequence, ...(await readSequenceResult(folder, sequence.name)) })),
  );
  return { scored, missing };
}

/** Results of another length than their truth, as "NAME: 39 boxes for 40 frames": protocols leave out, or count as missed, what one has more. */
export function oddLengths(scored: readonly ScoredSequence[]): string[] {
  return scored.flatMap(({ name, truth, boxes, confidence }) => {
    const [frames, rows] = [truth.length / 4, boxes.length / 4];
    const sure = confidence?.length ?? rows;
    return [
      ...(rows === frames ? [] : [`${name}: ${rows} boxes for ${frames} frames`]),
      ...(sure === rows ? [] : [`${name}: ${sure} confidences for ${rows} boxes`]),
    ];
  });
}

async function firstThatExists(
  folder: string,
  name: string,
  candidates: readonly ((name: string) => string)[],
): Promise<string | undefined> {
  for (const candidate of candidates) {
    const file = path.join(folder, candidate(name));
    if (await exists(file)) return file;
  }
  return undefined;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
