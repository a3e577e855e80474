/** Streams of a command: stdout carries results only, stderr everything else. */
import { messageOf, shortened, TrackerError } from '../errors.js';
import { isReaderGone, outputFailed } from '../files/write.js';

export interface Terminal {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

/**
 * Keeps a stream that breaks from ending the process. A reader of stdout that has ended (head) is no failure, and nothing depends on stderr.
 * @returns settles when all is written; rejects with OUTPUT_FAILED where stdout broke in another way, such as a full disk
 */
export function watchStreams({ stdout, stderr }: Terminal): () => Promise<void> {
  let failure: unknown;
  stdout.on('error', (error: unknown) => {
    if (!isReaderGone(error)) failure ??= error;
  });
  stderr.on('error', () => undefined);
  return async () => {
    await new Promise<void>((resolve) => stdout.write('', () => resolve()));
    if (failure !== undefined) throw outputFailed('stdout', failure, 'send it to a disk that has room');
  };
}

/** Characters of a message: what lies in damaged files may have any length. */
const LONGEST = 1500;

/** One line "error CODE: ..." and one line "hint: ...". @returns the exit code */
export function reportError(error: unknown, { stderr }: Pick<Terminal, 'stderr'>): number {
  if (error instanceof TrackerError) {
    stderr.write(`error ${error.code}: ${shortened(oneLine(error.message), LONGEST)}\nhint: ${oneLine(error.hint)}\n`);
    return error.exitCode;
  }
  const missing = missingPackage(error);
  if (missing) return reportError(missing, { stderr });
  // nobody raised this on purpose: a fault of the program, its stack is what helps
  stderr.write(`error UNEXPECTED: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  stderr.write('hint: this is a fault of ebm-tracker; please report it with the command and the lines above\n');
  return 1;
}

/** A part of the program, or of a package that it needs, that cannot be loaded. */
function missingPackage(error: unknown): TrackerError | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^(ERR_)?MODULE_NOT_FOUND$|^ERR_DLOPEN_FAILED$/.test(code)) return undefined;
  const [message] = messageOf(error).split('\nRequire stack', 1);
  return new TrackerError('RUNTIME_UNAVAILABLE', `the installation is not whole: ${message}`, {
    hint: 'npm ci --include=optional, or remove node_modules and run npm install',
    cause: error,
  });
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
