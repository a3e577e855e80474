/** ebm-tracker worker: runs sequences of a queue on this machine until it is stopped. */
import path from 'node:path';
import type { Command } from 'commander';
import { runQueueWorker, type QueueWorkerEvent } from '../evaluation/queue.js';
import { listenForInterrupt } from './interrupt.js';
import { optionalWhole, WORKER_THREADS_OPTION, WORKERS_OPTION } from './options.js';
import type { Terminal } from './terminal.js';

interface WorkerCommandOptions {
  queue: string;
  root: string;
  tracker?: string;
  workers?: string;
  threads?: string;
}

export function addWorkerCommand(program: Command, terminal: Terminal): void {
  program
    .command('worker')
    .description('run sequences of evaluate --queue on this machine until Ctrl-C')
    .requiredOption('--queue <url>', 'redis://[user:password@]host:port[/db]')
    .requiredOption('--root <dir>', 'folder of the data set on this machine')
    .option('--tracker <file>', "this machine's copy of another tracker's module")
    .option(...WORKERS_OPTION)
    .option(...WORKER_THREADS_OPTION)
    .action(async ({ queue, root, tracker, workers, threads }: WorkerCommandOptions) => {
      const interrupt = listenForInterrupt();
      try {
        const done = await runQueueWorker(queue, {
          root,
          module: tracker === undefined ? undefined : path.resolve(tracker),
          workers: optionalWhole('--workers', workers),
          threads: optionalWhole('--threads', threads),
          signal: interrupt.signal,
          onEvent: (event) => void terminal.stderr.write(`${describe(event)}\n`),
        });
        terminal.stderr.write(`worker ended: ${done} sequences done\n`);
      } finally {
        interrupt.end();
      }
    });
}

function describe(event: QueueWorkerEvent): string {
  if (event.kind === 'warning') return `warning: ${event.message}`;
  const name = `${event.kind} ${event.sequence} (seed ${event.seed})`;
  if (event.kind === 'done') return `${name}: ${event.frames} frames`;
  return event.kind === 'failed' ? `${name}: ${event.message}` : name;
}
