/** ebm-tracker serve [VIDEO|DIR]: the page. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { createTrackerGroup } from '../node/open.js';
import { listen, USUAL_PORT, type ListenOptions } from '../web/listen.js';
import { listenForInterrupt } from './interrupt.js';
import { addConfigOptions, configOf, type GivenConfig } from './config-options.js';
import { optionalWhole, STREAM_OPTION, streamOf } from './options.js';
import type { Terminal } from './terminal.js';

export interface ServeOptions extends GivenConfig {
  host?: string;
  port?: string;
  stream?: string;
}

export function addServeCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .description('a page in the browser: draw boxes, watch them tracked, correct, export')
    .argument(
      '[path]',
      'a video, an http(s) address of one, a pattern of images, or a folder with videos and folders of images',
      '.',
    );
  addConfigOptions(command, 'head', 'threads', 'seed', 'config');
  addAddressOptions(command).action(async (path: string, options: ServeOptions) => {
    const config = await configOf(options);
    const interrupt = listenForInterrupt();
    try {
      const server = await listen({
        root: path,
        openTracker: () => createTrackerGroup(config),
        onNote: (text) => void terminal.stderr.write(`note: ${text}\n`),
        signal: interrupt.signal,
        ...streamOf(options),
        ...addressOf(options),
      });
      terminal.stderr.write(`open ${server.url}\nCtrl-C ends it; results that were not exported are gone then\n`);
      if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
      await server.close();
    } finally {
      interrupt.end();
    }
  });
}

/** The options of both commands that show a page. */
export function addAddressOptions(command: Command): Command {
  return command
    .option('--host <address>', 'listen there instead of on loopback: whoever has the printed token may come in')
    .option(...STREAM_OPTION)
    .option('--port <n>', `port; 0 = any that is free (default: ${USUAL_PORT}, or any)`);
}

/** @throws TrackerError OPTION_INVALID */
export function addressOf({ host, port }: ServeOptions): Pick<ListenOptions, 'host' | 'port'> {
  return { host, port: optionalWhole('--port', port) };
}
