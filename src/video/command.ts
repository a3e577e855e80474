/** The only place where ffmpeg and ffprobe are started: short calls whose output is captured, and runs that stream. */
import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../errors.js';
import { isHttp } from './address.js';

/** The programs that are run, as binaries.ts finds them. */
interface Programs {
  readonly ffmpeg: { readonly path: string };
}

export interface Captured {
  readonly stdout: string;
  readonly stderr: string;
  /** Undefined when the program ran and returned 0, otherwise what went wrong. */
  readonly failure?: string;
}

/** Runs a program to its end, or until the signal is aborted. Never throws: a failure is described in the result. */
export function capture(
  program: string,
  args: readonly string[],
  timeoutMs = 0,
  signal?: AbortSignal,
): Promise<Captured> {
  const settings = { timeout: timeoutMs, maxBuffer: 64 * 2 ** 20, windowsHide: true, signal };
  return new Promise((resolve) => {
    execFile(program, args, settings, (error, stdout, stderr) => {
      resolve(error ? { stdout, stderr, failure: describe(error) } : { stdout, stderr });
    });
  });
}

/** Without the command line that execFile puts into its messages. */
function describe(error: Error & { code?: unknown; signal?: unknown }): string {
  if (typeof error.code === 'number') return `exit code ${error.code}`;
  return typeof error.signal === 'string' ? `ended by ${error.signal}` : messageOf(error);
}

/** Arguments by which ffmpeg and ffprobe read a path, taken literally, or an http(s) address. */
export function inputArguments(path: string): string[] {
  return [...patience(path), '-i', literal(path)];
}

/** Without the prefix a path such as "http:a.mp4" would be taken for an address. */
const literal = (path: string): string => (isHttp(path) ? path : `file:${path}`);

/** A line that breaks is made again where it broke, after 0, 1 and 3 seconds; a silent server is given up. */
const patience = (path: string): string[] =>
  isHttp(path) ? ['-reconnect', '1', '-reconnect_delay_max', '4', '-rw_timeout', '15000000'] : [];

/** A running ffmpeg. */
export interface FfmpegRun {
  /** Null unless it was asked for. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  /** Settles when the process is gone and its log is complete; never rejects. */
  readonly ended: Promise<RunEnd>;
  /** Ends the process at once; await `ended` to be sure that it is gone. */
  kill(): void;
}

export interface RunEnd {
  /** Undefined when ffmpeg returned 0. */
  readonly failure?: string;
  /** The last lines of the log, oldest first. */
  readonly lastLines: readonly string[];
}

/** Input and outputs of one ffmpeg. */
interface FfmpegStart {
  /** All arguments, up to the last output. */
  readonly args: readonly string[];
  /** Its standard input: none, that of this process, or FfmpegRun.stdin. */
  readonly stdin?: 'ignore' | 'inherit' | 'pipe';
  /** Called with each line of the log. */
  readonly onLine?: (line: string) => void;
}

const LOG_LINES_KEPT = 100;

/**
 * Starts ffmpeg. Its streams are those of the process, which hold a few tens of kilobytes: a reader that pauses makes ffmpeg wait. Ctrl-C in a
 * terminal does not reach it: this program ends it in order.
 */
export function startFfmpeg({ ffmpeg }: Programs, { args, stdin = 'ignore', onLine }: FfmpegStart): FfmpegRun {
  const child = spawn(ffmpeg.path, args, {
    stdio: [stdin, 'pipe', 'pipe'],
    windowsHide: true,
    detached: process.platform !== 'win32',
  });
  const lastLines: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > LOG_LINES_KEPT) lastLines.shift();
    onLine?.(line);
  });
  const ended = new Promise<RunEnd>((resolve) => {
    child.once('error', (error) => resolve({ failure: messageOf(error), lastLines }));
    child.once('close', (code, signal) => {
      resolve(code === 0 ? { lastLines } : { failure: `ended with ${code ?? signal}`, lastLines });
    });
  });
  return { stdin: child.stdin, stdout: child.stdout!, ended, kill: () => void child.kill('SIGKILL') };
}

/** Input that ffmpeg reads live. */
export interface LiveInput {
  /** Up to -i and the name. */
  readonly options: readonly string[];
  /** It reads this process's own standard input. */
  readonly stdin: boolean;
}

/** Starts an ffmpeg that reads something live, with a log that tells sizes (verbose). @param output from the first option of the output on */
export function startLive(
  binaries: Programs,
  { options, stdin }: LiveInput,
  output: readonly string[],
  onLine: (line: string) => void,
): FfmpegRun {
  const general = ['-hide_banner', '-nostats', '-nostdin', '-loglevel', 'repeat+level+verbose'];
  return startFfmpeg(binaries, {
    args: [...general, ...options, ...output],
    stdin: stdin ? 'inherit' : 'ignore',
    onLine,
  });
}
