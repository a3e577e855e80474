/** How a tool ends: an error is told in one line, with its hint, and by the exit code. */
import { messageOf, TrackerError } from '../../src/errors.js';

export async function runTool(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const known = error instanceof TrackerError;
    console.error(
      `${name}: ${known ? `${error.code}: ` : ''}${messageOf(error)}${known ? `\nhint: ${error.hint}` : ''}`,
    );
    process.exitCode = known ? error.exitCode : 1;
  }
}
