/** Formats of the servers that keep the annotations of test sets: files, columns, decimals. */
import { TrackerError } from '../../errors.js';

/** One text file of a pack: a line a frame, numbers separated by commas. */
export interface PackFile {
  readonly path: string;
  readonly sequence: string;
  /** Boxes x, y, w, h of one run, counted from 0; or seconds, one column a run. */
  readonly content: { readonly boxesOf: number } | { readonly secondsOf: number };
  readonly decimals: number;
}

export interface Server {
  readonly name: string;
  readonly title: string;
  /** Data set whose sequences it scores, and how many these are. */
  readonly dataset: string;
  readonly sequences: number;
  /** Largest number of repetitions that it takes. */
  readonly mostRuns: number;
  /** Instructions for uploading the pack. */
  readonly next: string;
  /** Files of one sequence. */
  files(sequence: string, runs: number): PackFile[];
}

/** Text files of boxes at the root of the pack, one a sequence. */
const plain =
  (decimals: number) =>
  (sequence: string): PackFile[] => [{ path: `${sequence}.txt`, sequence, content: { boxesOf: 0 }, decimals }];

export const SERVERS: readonly Server[] = [
  {
    // devkit and pytracking's packer: VIDEO.txt at the root, two decimals; a missing file is scored as zeros, without a word
    name: 'trackingnet',
    title: 'TrackingNet, 511 test videos',
    dataset: 'trackingnet',
    sequences: 511,
    mostRuns: 1,
    next: "upload it at TrackingNet's evaluation server",
    files: plain(2),
  },
  {
    // the toolkit zips the folder of the tracker: SEQ/SEQ_001.txt (three decimals) to _003, SEQ/SEQ_time.txt (eight, a column a run)
    name: 'got10k',
    title: 'GOT-10k, 180 test sequences',
    dataset: 'got10k-test',
    sequences: 180,
    mostRuns: 3,
    next: "upload it at GOT-10k's evaluation server",
    files: (sequence, runs) => [
      ...Array.from({ length: runs }, (_, run) => ({
        path: `${sequence}/${sequence}_${String(run + 1).padStart(3, '0')}.txt`,
        sequence,
        content: { boxesOf: run },
        decimals: 3,
      })),
      { path: `${sequence}/${sequence}_time.txt`, sequence, content: { secondsOf: runs }, decimals: 8 },
    ],
  },
  {
    // no server: the official MATLAB toolkit reads a folder of SEQ.txt
    name: 'lasot',
    title: 'LaSOT, 280 test sequences',
    dataset: 'lasot',
    sequences: 280,
    mostRuns: 1,
    next: 'unpack it into tracking_results/NAME_tracking_result of the LaSOT toolkit',
    files: plain(4),
  },
];

/** @throws TrackerError OPTION_INVALID listing the names */
export function findServer(name: string): Server {
  const found = SERVERS.find((server) => server.name === name);
  if (found) return found;
  const names = SERVERS.map((server) => server.name).join(', ');
  throw new TrackerError('OPTION_INVALID', `--submit "${name}": not known, expected one of: ${names}`, {
    hint: 'other data sets have no server: ebm-tracker evaluate scores them here',
  });
}
