/** ebm-tracker demo: the clip that ships, tracked, with nothing to be given. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { messageOf, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import { numbered } from '../io/first-boxes.js';
import type { Terminal } from './terminal.js';
import { runTracking } from './tracking.js';
import { parseConfig } from '../node/open.js';
import { DEFAULT_MANIFEST } from '../node/platform.js';

const demoSchema = z.object({
  /** Relative to demo.json. */
  video: z.string(),
  box: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
});

export function addDemoCommand(program: Command, terminal: Terminal): void {
  program
    .command('demo')
    .description('track the clip that ships and write boxes.csv and demo.mp4')
    .option('--out <dir>', 'folder of the two files', 'ebm-tracker-demo')
    .option('--quiet', 'no progress line and no summary')
    .action(async ({ out, quiet }: { out: string; quiet?: boolean }) => {
      const { file, video, box } = await readDemo();
      await mkdir(out, { recursive: true }).catch((cause: unknown) => {
        throw new TrackerError('OUTPUT_FAILED', `folder ${out}: ${messageOf(cause)}`, {
          hint: 'name another with --out',
          cause,
        });
      });
      const outputs = { rows: path.join(out, 'boxes.csv'), video: path.join(out, 'demo.mp4') };
      const objects = numbered([box]);
      const inputs = [{ what: 'the demo', path: file }];
      const request = { video, objects, outputs, inputs, config: parseConfig({}), quiet: quiet ?? false };
      await runTracking(request, terminal);
      terminal.stdout.write(`${outputs.rows}\n${outputs.video}\n`);
    });
}

async function readDemo(): Promise<{ file: string; video: string; box: FrameBox }> {
  const folder = path.join(path.dirname(DEFAULT_MANIFEST), 'demo');
  const file = path.join(folder, 'demo.json');
  try {
    const { video, box } = demoSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return { file, video: path.join(folder, video), box };
  } catch (cause) {
    throw new TrackerError('INPUT_NOT_FOUND', `demo ${file}: ${messageOf(cause)}`, {
      hint: 'install ebm-tracker again: models/demo is part of it',
      cause,
    });
  }
}
