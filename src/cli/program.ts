/** The command line as a function: arguments in, exit code out. */
import { readFile } from 'node:fs/promises';
import { Command, CommanderError } from 'commander';
import { TrackerError } from '../errors.js';
import { addConvertCommand } from './convert.js';
import { addDemoCommand } from './demo.js';
import { addDoctorCommand } from './doctor.js';
import { addEvaluateCommand } from './evaluate.js';
import { addWorkerCommand } from './worker.js';
import { addFinetuneCommand } from './finetune.js';
import { addPickCommand } from './pick.js';
import { addServeCommand } from './serve.js';
import { addTrainCommand } from './train.js';
import { reportError, type Terminal } from './terminal.js';
import { addTrackCommand } from './track.js';

/**
 * @param args without node and the script
 * @returns 0 done, 1 failed, 2 used wrongly
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  try {
    const program = new Command('ebm-tracker')
      .description('visual object tracking with an energy-based model of the box')
      .version(await readVersion())
      .exitOverride()
      .configureOutput({
        writeOut: (text) => void terminal.stdout.write(text),
        writeErr: (text) => void terminal.stderr.write(text),
        outputError: () => undefined, // told by reportError, in the form of all errors
      });
    addTrackCommand(program, terminal);
    addPickCommand(program, terminal);
    addServeCommand(program, terminal);
    addConvertCommand(program, terminal);
    addDoctorCommand(program, terminal, (code) => (exitCode = code));
    addDemoCommand(program, terminal);
    addEvaluateCommand(program, terminal, (code) => (exitCode = code));
    addWorkerCommand(program, terminal);
    addTrainCommand(program, terminal);
    addFinetuneCommand(program, terminal);
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, terminal);
    if (error.exitCode === 0) return 0; // --help, --version
    return reportError(usageError(error, args), terminal);
  }
}

/** Commander's complaint as an error of ours. */
function usageError(error: CommanderError, args: readonly string[]): TrackerError {
  const command = args[0] !== undefined && !args[0].startsWith('-') ? `${args[0]} ` : '';
  const known = error.code === 'commander.unknownCommand' ? '' : command;
  // without any argument commander prints the help and calls it an error
  const message = error.code === 'commander.help' ? 'no command given' : error.message.replace(/^error: /, '');
  return new TrackerError('OPTION_INVALID', message, { hint: `ebm-tracker ${known}--help` });
}

async function readVersion(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}
