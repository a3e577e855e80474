/** The command line as a function: arguments in, exit code out. */
import { readFile } from 'node:fs/promises';
import { Command, CommanderError } from 'commander';
import { TrackerError } from '../errors.js';
import { reportError, watchStreams, type Terminal } from './terminal.js';

type AddCommand = (program: Command, terminal: Terminal, exitWith: (code: number) => void) => void;

/** Each command's module is loaded when it is called: `track` waits for no other one. In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  track: async () => (await import('./track.js')).addTrackCommand,
  pick: async () => (await import('./pick.js')).addPickCommand,
  serve: async () => (await import('./serve.js')).addServeCommand,
  web: async () => (await import('./web.js')).addWebCommand,
  convert: async () => (await import('./convert.js')).addConvertCommand,
  doctor: async () => (await import('./doctor.js')).addDoctorCommand,
  demo: async () => (await import('./demo.js')).addDemoCommand,
  evaluate: async () => (await import('./evaluate.js')).addEvaluateCommand,
  worker: async () => (await import('./worker.js')).addWorkerCommand,
  import: async () => (await import('./import.js')).addImportCommand,
  train: async () => (await import('./train.js')).addTrainCommand,
  finetune: async () => (await import('./finetune.js')).addFinetuneCommand,
};

/** The command that is called; all of them where none is, for the help. */
async function addCommands(called: string | undefined, ...rest: Parameters<AddCommand>): Promise<void> {
  const own = called !== undefined && Object.hasOwn(COMMANDS, called) ? [COMMANDS[called]!] : Object.values(COMMANDS);
  for (const load of own) (await load())(...rest);
}

/**
 * @param args without node and the script
 * @returns 0 done, 1 failed, 2 used wrongly
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const written = watchStreams(terminal);
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
    await addCommands(args[0], program, terminal, (code) => (exitCode = code));
    await program.parseAsync(args, { from: 'user' }).catch((error: unknown) => {
      if (!(error instanceof CommanderError)) throw error;
      if (error.exitCode !== 0) throw usageError(error, args); // else --help, --version
    });
    await written();
    return exitCode;
  } catch (error) {
    return reportError(error, terminal);
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
