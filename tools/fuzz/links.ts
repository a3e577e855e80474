/** Outputs that lead to an input by a name of another kind, and outputs that only look so: what is read keeps its bytes, the rest is written. */
import { copyFile, link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Writable } from 'node:stream';
import { runCli } from '../../src/cli/program.js';
import { sha256Of } from '../../src/hash.js';
import type { Random } from '../../src/random.js';
import { baseImage, baseVideo, type Folders } from './files.js';
import type { FuzzCase } from './kinds.js';
import { pick } from './mutate.js';

interface Alias {
  readonly output: string;
  /** It leads to a file that is read. */
  readonly refused: boolean;
}

type MakeAlias = (target: string, name: string, folders: Folders) => Promise<Alias>;

/** Names for a file that is read. */
const ALIASES: Readonly<Record<string, MakeAlias>> = {
  itself: async (target) => ({ output: target, refused: true }),
  'another spelling': async (target) => {
    const folder = path.dirname(target);
    return { output: `${folder}/.././${path.basename(folder)}//${path.basename(target)}`, refused: true };
  },
  link: async (target, name, { output }) => {
    await symlink(target, path.join(output, name));
    return { output: path.join(output, name), refused: true };
  },
  'relative link to a link': async (target, name, { output }) => {
    await symlink(path.relative(output, target), path.join(output, `first-${name}`));
    await symlink(`first-${name}`, path.join(output, name));
    return { output: path.join(output, name), refused: true };
  },
  'hard link': async (target, name, { output }) => {
    await link(target, path.join(output, name));
    return { output: path.join(output, name), refused: true };
  },
  'linked folder': async (target, _, { output }) => {
    await symlink(path.dirname(target), path.join(output, 'folder'));
    return { output: path.join(output, 'folder', path.basename(target)), refused: true };
  },
  'copy of it': async (target, name, { output }) => {
    await copyFile(target, path.join(output, name));
    return { output: path.join(output, name), refused: false };
  },
  'link to a copy of it': async (target, name, { output }) => {
    await copyFile(target, path.join(output, `copy-${name}`));
    await symlink(`copy-${name}`, path.join(output, name));
    return { output: path.join(output, name), refused: false };
  },
  'link to nothing': async (_, name, { output }) => {
    await symlink(`none-${name}`, path.join(output, name));
    return { output: path.join(output, name), refused: false };
  },
};

const ROW = 'frame,time,x,y,w,h,confidence,state\n0,0,40,30,32,32,1,tracking\n';

/** `convert` or `track`, whose output is or is not one of the files that it reads. */
export async function links(random: Random, folders: Folders): Promise<FuzzCase> {
  const [clip, boxes, frames] = ['clip.mp4', 'boxes.csv', 'frames'].map((name) => path.join(folders.input, name));
  await copyFile(await baseVideo(folders.base, 'plain.mp4'), clip!);
  await writeFile(boxes!, ROW);
  await mkdir(frames!);
  for (const name of ['1.png', '2.png'])
    await copyFile(await baseImage(folders.base, [160, 120]), path.join(frames!, name));
  const video = pick(random, [clip!, frames!]);
  const read = pick(random, [boxes!, video === frames ? path.join(frames!, '2.png') : clip!]);
  const kind = pick(random, Object.keys(ALIASES));
  const drawn = read === clip;
  const { output, refused } = await ALIASES[kind]!(read, drawn ? 'out.mp4' : 'out.csv', folders);
  const first = random.uniform() < 0.1 ? ['track', video, '--boxes', boxes!, '--threads', '1', '--quiet'] : undefined;
  const args = first
    ? [...first, ...(drawn ? ['--video', output] : ['--out', output, '--format', 'csv'])]
    : ['convert', boxes!, output, '--video', video, ...(drawn ? [] : ['--to', 'mot'])];
  return { what: `${kind}: ${args.join(' ')}`, run: () => check(args, refused, folders) };
}

/** Runs it. @returns what is wrong */
async function check(args: readonly string[], refused: boolean, { input }: Folders): Promise<string[]> {
  const before = await hashes(input);
  const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
  const exitCode = await runCli(args, { stdout: sink(), stderr: sink() });
  const faults: string[] = [];
  const expected = refused ? 2 : 0;
  if (exitCode !== expected) faults.push(`exit code ${exitCode}, expected ${expected}`);
  if (JSON.stringify(await hashes(input)) !== JSON.stringify(before)) faults.push('something that is read was written');
  return faults;
}

async function hashes(folder: string): Promise<[string, string][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Promise.all(
    files.toSorted().map(async (file): Promise<[string, string]> => [file, sha256Of(await readFile(file))]),
  );
}
