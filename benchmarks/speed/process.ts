/** What one `track` costs as a process: time to the first box, time in all, memory. Needs dist/ (npm run build). */
import { spawn } from 'node:child_process';
import type { Clip } from './clips.js';

export interface ProcessCost {
  /** Seconds from the process's start to the first row on stdout. */
  readonly firstBox: number;
  readonly total: number;
  /** Largest resident set, MB, without ffmpeg's. */
  readonly memory: number;
  readonly rows: number;
}

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
/** Told at the end by the kernel's own count of this program (Linux): that of getrusage begins with the parent's. */
const REPORT = `import { readFileSync } from 'node:fs';
process.on('exit', () => process.stderr.write(/VmHWM.*/.exec(readFileSync('/proc/self/status', 'utf8'))[0]));`;
const HOOK = `data:text/javascript,${encodeURIComponent(REPORT)}`;

export async function measureProcess(clip: Clip, options: readonly string[]): Promise<ProcessCost> {
  return (await runTrack(clip, options)).cost;
}

/** The same, and the boxes: what it wrote. */
export async function runTrack(clip: Clip, options: readonly string[]): Promise<{ cost: ProcessCost; boxes: string }> {
  const { x, y, w, h } = clip.box;
  const began = performance.now();
  const args = ['--import', HOOK, MAIN, 'track', clip.file, '--box', `${x},${y},${w},${h}`, '--quiet', ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let errors = '';
  let firstBox = Number.NaN;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    // the first line names the columns
    if (Number.isNaN(firstBox) && text.split('\n').length > 2) firstBox = (performance.now() - began) / 1000;
  });
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  const memory = /VmHWM:\s*(\d+) kB/.exec(errors);
  if (code !== 0 || !memory) throw new Error(`track ended with ${String(code)}: ${errors}`);
  const cost = {
    firstBox,
    total: (performance.now() - began) / 1000,
    memory: Number(memory[1]) / 1000,
    rows: text.trimEnd().split('\n').length - 1,
  };
  return { cost, boxes: text };
}
