/** Looks at a pack as a server would, before it is sent: servers say little, take days, and score what they cannot read as zeros. */
import { unzipSync } from 'fflate';
import { messageOf } from '../../errors.js';
import { intersectionOverUnion } from '../../geometry.js';
import { boxAt } from '../overlaps.js';
import type { Annotated } from '../results.js';
import { formatRows, rowsOf, type Run } from './pack.js';
import type { PackFile, Server } from './servers.js';

/** Overlap of the first row with the box that was given: below it, the rows belong to another sequence or begin at another frame. */
const SAME_BOX = 0.5;

/**
 * All that is wrong with a pack, each with file and line; nothing for one that can be sent.
 * @param sequences of the data set: frame counts and first boxes
 * @param results what was packed, where it is known: every number is compared
 */
export function validatePack(
  archive: Uint8Array,
  server: Server,
  sequences: readonly Annotated[],
  results?: readonly Run[],
): string[] {
  const listed: string[] = [];
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(archive, { filter: ({ name }) => listed.push(name) > 0 });
  } catch (error) {
    return [`the pack is no zip file: ${messageOf(error)}`];
  }
  const runs = results?.length ?? countRuns(server, sequences, entries);
  const expected = sequences.flatMap(({ name }) => server.files(name, runs));
  const paths = new Set(expected.map((file) => file.path));
  const truth = new Map(sequences.map((sequence) => [sequence.name, sequence]));
  return [
    ...listed.filter((path, i) => listed.indexOf(path) !== i).map((path) => `${path}: is there twice`),
    ...listed.filter((path) => !paths.has(path)).map((path) => `${path}: not expected`),
    ...expected.flatMap((file) => {
      const bytes = entries[file.path];
      if (!bytes) return [`${file.path}: missing`];
      const fault = faultOf(decode(bytes), file, truth.get(file.sequence)!, results);
      return fault === undefined ? [] : [`${file.path}${fault}`];
    }),
  ];
}

/** Repetitions in a pack: the most that any sequence has, at least one. */
function countRuns(
  server: Server,
  sequences: readonly Annotated[],
  entries: Readonly<Record<string, unknown>>,
): number {
  const hasRun = (name: string, run: number): boolean =>
    server
      .files(name, run)
      .some(({ path, content }) => 'boxesOf' in content && content.boxesOf === run - 1 && path in entries);
  let runs = server.mostRuns;
  while (runs > 1 && !sequences.some(({ name }) => hasRun(name, runs))) runs--;
  return runs;
}

/** Undefined where the bytes are no text. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The first fault of a file; undefined for none. */
function faultOf(
  text: string | undefined,
  file: PackFile,
  sequence: Annotated,
  results: readonly Run[] | undefined,
): string | undefined {
  if (text === undefined) return ': no text';
  if (!text.endsWith('\n')) return ': the last line is not ended';
  const lines = text.slice(0, -1).split('\n');
  const columns = 'boxesOf' in file.content ? 4 : file.content.secondsOf;
  const values = new Float64Array(lines.length * columns);
  // up to five digits before the point: larger numbers are no pixels of an image and no seconds of a frame
  const number = new RegExp(String.raw`^-?\d{1,5}\.\d{${file.decimals}}$`);
  for (const [i, line] of lines.entries()) {
    const cells = line.split(',');
    if (cells.length !== columns) return `, line ${i + 1}: found ${cells.length} numbers, expected ${columns}`;
    const odd = cells.find((cell) => !number.test(cell));
    if (odd !== undefined) {
      return `, line ${i + 1}: found "${odd.slice(0, 40)}", expected a number of ${file.decimals} decimals`;
    }
    values.set(cells.map(Number), i * columns);
  }
  const frames = sequence.truth.length / 4;
  if (lines.length !== frames) return `: found ${lines.length} lines, expected ${frames}, one a frame`;
  const fault = 'boxesOf' in file.content ? faultOfBoxes(values, sequence) : faultOfSeconds(values, columns);
  if (fault !== undefined) return fault;
  if (results && formatRows(rowsOf(file, results), file.decimals) !== text) return ': not the numbers of the results';
  return undefined;
}

function faultOfBoxes(boxes: Float64Array, { truth }: Annotated): string | undefined {
  for (let i = 0; i < boxes.length / 4; i++) {
    const { w, h } = boxAt(boxes, i);
    if (w < 0 || h < 0) return `, line ${i + 1}: found a box of ${w} x ${h}, expected a size that is not negative`;
  }
  const given = boxAt(truth, 0);
  if (intersectionOverUnion(boxAt(boxes, 0), given) >= SAME_BOX) return undefined;
  return `, line 1: found ${boxes.subarray(0, 4).join(',')}, expected the given box ${truth.subarray(0, 4).join(',')}`;
}

function faultOfSeconds(seconds: Float64Array, columns: number): string | undefined {
  const at = seconds.findIndex((value) => value < 0);
  return at < 0 ? undefined : `, line ${Math.floor(at / columns) + 1}: found ${seconds[at]} seconds`;
}
