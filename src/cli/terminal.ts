/** What a command talks to: stdout carries results only, stderr everything else. */
import { messageOf, shortened, TrackerError } from '../errors.js';

export interface Terminal {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Characters of a message: what lies in damaged files may have any length. */
const LONGEST = 1500;

/** One line "error CODE: ..." and one line "hint: ...". @returns the exit code */
export function reportError(error: unknown, { stderr }: Terminal): number {
  if (error instanceof TrackerError) {
    stderr.write(`error ${error.code}: ${shortened(oneLine(error.message), LONGEST)}\nhint: ${oneLine(error.hint)}\n`);
    return error.exitCode;
  }
  // nobody raised this on purpose: a fault of the program, its stack is what helps
  stderr.write(`error UNEXPECTED: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  stderr.write('hint: this is a fault of ebm-tracker; please report it with the command and the lines above\n');
  return 1;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
