/** The only place where ffmpeg and ffprobe are started: short calls whose output is captured, and commands that stream. */
import { execFile, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import ffmpegCommand, { type FfmpegCommand } from 'fluent-ffmpeg';
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

/** Private methods of fluent-ffmpeg that are used or replaced here. */
interface FluentInternals {
  _getFfmpegPath(callback: (error: null, path: string) => void): void;
  _checkCapabilities(callback: (error: null) => void): void;
  availableEncoders(callback: (error: null, found: object) => void): void;
  _getArguments(): string[];
  _spawnFfmpeg(
    args: string[],
    options: SpawnOptions,
    onStart: (child: ChildProcess, stdout: LogLines, log: LogLines) => void,
    onEnd: (error: Error | null | undefined, stdout?: LogLines, log?: LogLines) => void,
  ): void;
}

interface LogLines {
  callback(onLine: (line: string) => void): void;
  get(): string;
}

const NO_LINES: LogLines = { callback: () => {}, get: () => '' };
const LOG_LINES_KEPT = 100;

/**
 * A fluent-ffmpeg command with its faults mended:
 * - it asks ffmpeg for its formats and encoders first, and misreads the answers of FFmpeg 7 and later;
 * - it remembers one path of ffmpeg for the whole process;
 * - it crashes the process when the program cannot be started.
 *
 * Ctrl-C in a terminal does not reach the ffmpeg it starts: this program ends it in order.
 * @param input a file's path, taken literally, an http(s) address, or a stream.
 */
export function createCommand(input: string | Readable, binaries: Programs): FfmpegCommand {
  const source = typeof input === 'string' ? literal(input) : input;
  const command = ffmpegCommand({ source, stdoutLines: LOG_LINES_KEPT });
  if (typeof input === 'string') command.inputOptions(patience(input));
  const internals = command as unknown as FluentInternals;
  const spawnFfmpeg = internals._spawnFfmpeg.bind(command);
  const mended: Partial<FluentInternals> = {
    _getFfmpegPath: (callback) => callback(null, binaries.ffmpeg.path),
    _checkCapabilities: (callback) => callback(null),
    availableEncoders: (callback) => callback(null, {}),
    _spawnFfmpeg: (args, options, onStart, onEnd) =>
      spawnFfmpeg(
        args,
        { ...options, windowsHide: true, detached: process.platform !== 'win32' },
        onStart,
        (error, stdout = NO_LINES, log = NO_LINES) => onEnd(error, stdout, log),
      ),
  };
  return Object.assign(command, mended);
}

/** A running ffmpeg that writes to its standard output. */
export interface FfmpegRun {
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

/**
 * Starts a command whose output is "pipe:1". Unlike the command's own pipe() it hands out the process's stream itself, which holds a few
 * tens of kilobytes: a reader that pauses makes ffmpeg wait.
 * @param onLine called with each line of ffmpeg's log
 */
export function startReading(command: FfmpegCommand, onLine: (line: string) => void): FfmpegRun {
  const internals = command as unknown as FluentInternals;
  let child: ChildProcess | undefined;
  const ended = new Promise<RunEnd>((resolve) => {
    internals._spawnFfmpeg(
      internals._getArguments(),
      { stdio: ['ignore', 'pipe', 'pipe'] },
      (started, _stdout, log) => {
        child = started;
        log.callback(onLine);
      },
      (error, _stdout, log = NO_LINES) => {
        const lastLines = log.get().split('\n').filter(Boolean);
        resolve(error ? { failure: messageOf(error), lastLines } : { lastLines });
      },
    );
  });
  return { stdout: child!.stdout!, ended, kill: () => void child!.kill('SIGKILL') };
}

/** Input that ffmpeg reads live. */
export interface LiveInput {
  /** Up to -i and the name. */
  readonly options: readonly string[];
  /** It reads this process's own standard input. */
  readonly stdin: boolean;
}

/**
 * Starts an ffmpeg that reads something live and writes to its standard output, with a log that tells sizes (verbose).
 * @param onLine called with each line of the log
 */
export function startLive(
  { ffmpeg }: Programs,
  { options, stdin }: LiveInput,
  output: readonly string[],
  onLine: (line: string) => void,
): FfmpegRun {
  const general = ['-hide_banner', '-nostats', '-nostdin', '-loglevel', 'repeat+level+verbose'];
  const child = spawn(ffmpeg.path, [...general, ...options, ...output], {
    stdio: [stdin ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
    // Ctrl-C in a terminal does not reach it: this program ends it in order
    detached: process.platform !== 'win32',
  });
  const lastLines: string[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > LOG_LINES_KEPT) lastLines.shift();
    onLine(line);
  });
  const ended = new Promise<RunEnd>((resolve) => {
    child.once('error', (error) => resolve({ failure: messageOf(error), lastLines }));
    child.once('close', (code, signal) => {
      resolve(code === 0 ? { lastLines } : { failure: `ended with ${code ?? signal}`, lastLines });
    });
  });
  return { stdout: child.stdout, ended, kill: () => void child.kill('SIGKILL') };
}
