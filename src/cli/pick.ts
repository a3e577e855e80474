/** ebm-tracker pick VIDEO: draw the first box in the browser, print it. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import { createTrackerGroup } from '../node/open.js';
import { listen } from '../web/listen.js';
import type { PickedBox } from '../web/routes.js';
import { listenForInterrupt } from './interrupt.js';
import { streamOf } from './options.js';
import { addAddressOptions, addressOf, type ServeOptions } from './serve.js';
import type { Terminal } from './terminal.js';

export function addPickCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('pick')
    .description('draw the first box in the browser; prints it as x,y,w,h')
    .argument('<video>', 'video file, http(s) address of one, folder of images, or a pattern such as "img/*.jpg"');
  addAddressOptions(command).action(async (video: string, options: ServeOptions) => {
    const interrupt = listenForInterrupt();
    try {
      const picked = await pickBox(video, options, interrupt.signal, terminal);
      if (!picked) throw noBox();
      terminal.stdout.write(`${boxText(picked.box)}\n`);
      if (picked.frame > 0)
        terminal.stderr.write(`drawn in frame ${picked.frame}: track with --start ${picked.frame}\n`);
    } finally {
      interrupt.end();
    }
  });
}

/** Undefined where the signal came first. */
async function pickBox(
  video: string,
  options: ServeOptions,
  signal: AbortSignal,
  { stderr }: Terminal,
): Promise<PickedBox | undefined> {
  let onPick: (picked: PickedBox) => void = () => undefined;
  const picked = new Promise<PickedBox>((resolve) => (onPick = resolve));
  const server = await listen({
    root: video,
    openTracker: () => createTrackerGroup(),
    onPick,
    onNote: (text) => void stderr.write(`note: ${text}\n`),
    signal,
    ...streamOf(options),
    ...addressOf(options),
  });
  stderr.write(`open ${server.url} and draw the box\n`);
  const stopped = signal.aborted ? undefined : once(signal, 'abort').then(() => undefined);
  const found = await Promise.race([picked, stopped]);
  await server.close();
  return found;
}

/** To 1/100 pixel. */
function boxText({ x, y, w, h }: FrameBox): string {
  return [x, y, w, h].map((value) => Number(value.toFixed(2))).join(',');
}

function noBox(): TrackerError {
  return new TrackerError('INTERRUPTED', 'stopped before a box was drawn', {
    hint: 'run it again, or give --box x,y,w,h',
  });
}
