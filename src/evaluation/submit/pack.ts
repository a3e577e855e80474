/** Packs results for a server: a zip whose bytes follow from the results alone. */
import { zipSync } from 'fflate';
import { TrackerError } from '../../errors.js';
import type { SequenceResult } from '../types.js';
import type { PackFile, Server } from './servers.js';

/** One run of the tracker: its results by name of the sequence. */
export type Run = ReadonlyMap<string, SequenceResult>;

/** Date of all files in a pack, so that the same results give the same bytes; local time, as zip files have it. */
const DATE = new Date(2000, 0, 1);

/**
 * @param names sequences in order
 * @param runs one or more repetitions, each with all sequences
 * @throws TrackerError DATA_INVALID where the server takes times and a result has none
 */
export function makePack(server: Server, names: readonly string[], runs: readonly Run[]): Uint8Array {
  const files = names.flatMap((name) => server.files(name, runs.length));
  const encoder = new TextEncoder();
  const entries = files.map((file) => [file.path, encoder.encode(formatRows(rowsOf(file, runs), file.decimals))]);
  return zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>, { mtime: DATE });
}

export interface Rows {
  /** [rows, columns] */
  readonly values: Float64Array;
  readonly columns: number;
}

/** Numbers of a file of the pack. */
export function rowsOf({ sequence, content }: PackFile, runs: readonly Run[]): Rows {
  if ('boxesOf' in content) return { values: runs[content.boxesOf]!.get(sequence)!.boxes, columns: 4 };
  const columns = runs.map((run) => run.get(sequence)!.seconds ?? refuseTimeless(sequence));
  const frames = Math.min(...columns.map(({ length }) => length));
  const values = new Float64Array(frames * columns.length);
  for (let i = 0; i < values.length; i++) values[i] = columns[i % columns.length]![Math.floor(i / columns.length)]!;
  return { values, columns: columns.length };
}

function refuseTimeless(sequence: string): never {
  throw new TrackerError('DATA_INVALID', `sequence ${sequence}: found no seconds a frame, which this server takes`, {
    hint: 'expected times/SEQ.txt, SEQ_time.txt or times/SEQ_time.txt beside the boxes',
  });
}

/** A line a row, separated by commas, the last one ended too. */
export function formatRows({ values, columns }: Rows, decimals: number): string {
  let text = '';
  for (let i = 0; i < values.length; i++) {
    text += formatNumber(values[i]!, decimals) + (i % columns === columns - 1 ? '\n' : ',');
  }
  return text;
}

/** Never -0.00, which some readers take for text. */
function formatNumber(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}
