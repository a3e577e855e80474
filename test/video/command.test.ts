import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findBinaries } from '../../src/video/binaries.js';
import { createCommand, startReading } from '../../src/video/command.js';
import { temporaryFolder } from '../helpers/video.js';

it.skipIf(process.platform === 'win32')(
  'a run ends when its log is complete, and not when its process is gone',
  async () => {
    const program = path.join(await temporaryFolder(), 'ffmpeg');
    // what is said last comes from a child that outlives it
    await writeFile(program, '#!/bin/sh\n(sleep 0.3; echo "[error] said last" >&2) >/dev/null &\necho "[info] begun" >&2\n', {
      mode: 0o755,
    });
    const binaries = await findBinaries();
    const command = createCommand('in.mp4', { ...binaries, ffmpeg: { ...binaries.ffmpeg, path: program } });
    const lines: string[] = [];
    const run = startReading(command.output('pipe:1').format('rawvideo'), (line) => lines.push(line));
    run.stdout.resume();
    const { failure, lastLines } = await run.ended;
    expect(failure).toBeUndefined();
    expect(lines.filter(Boolean)).toEqual(['[info] begun', '[error] said last']);
    expect(lastLines).toEqual(lines.filter(Boolean));
  },
);
