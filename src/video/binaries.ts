/** Which ffmpeg and ffprobe are used, and why. */
import { constants } from 'node:fs';
import { access, chmod, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { capture } from './command.js';

/** A program that was found. */
export interface Binary {
  /** The file. */
  readonly path: string;
  /** Where it was found: FFMPEG_PATH, ffmpeg-static, PATH, @ffmpeg-installer/ffmpeg ... */
  readonly source: string;
  /** First line of -version. */
  readonly version: string;
  /** FFmpeg's major version, told from its libavutil, because builds from git have no version number; null if it does not say. */
  readonly major: number | null;
}

/** The programs that read and write videos. */
export interface Binaries {
  /** Decodes and encodes. */
  readonly ffmpeg: Binary;
  /** Tells what a file holds. */
  readonly ffprobe: Binary;
  /** The places passed over, and why. */
  readonly passedOver: readonly string[];
}

type Tool = 'ffmpeg' | 'ffprobe';

interface Place {
  readonly source: string;
  /** @throws Error where it has none, saying why */
  readonly find: () => Promise<string>;
}

/** What an npm package exports; throws where it is not installed. */
export type PackageLoader = (name: string) => unknown;

/**
 * In this order: FFMPEG_PATH / FFPROBE_PATH, ffmpeg-static, PATH, the installer packages, which carry their binaries.
 * @throws TrackerError FFMPEG_MISSING where none runs, or where the one that was asked for does not
 */
export async function findBinaries(
  env: NodeJS.ProcessEnv = process.env,
  load: PackageLoader = createRequire(import.meta.url),
): Promise<Binaries> {
  const passedOver: string[] = [];
  const ffmpeg = await findTool('ffmpeg', env, load, passedOver);
  const ffprobe = await findTool('ffprobe', env, load, passedOver);
  return { ffmpeg, ffprobe, passedOver };
}

async function findTool(
  tool: Tool,
  env: NodeJS.ProcessEnv,
  load: PackageLoader,
  passedOver: string[],
): Promise<Binary> {
  const variable = tool === 'ffmpeg' ? 'FFMPEG_PATH' : 'FFPROBE_PATH';
  const asked = env[variable];
  if (asked) {
    return tryBinary(tool, variable, asked).catch((cause: unknown) => {
      throw new TrackerError('FFMPEG_MISSING', `${variable}=${asked}: does not run (${messageOf(cause)})`, {
        hint: `unset ${variable}, or let it name a ${tool} binary`,
        cause,
      });
    });
  }
  for (const { source, find } of placesOf(tool, env, load)) {
    try {
      return await tryBinary(tool, source, await find());
    } catch (error) {
      passedOver.push(`${tool}: ${source}: ${messageOf(error)}`);
    }
  }
  throw new TrackerError('FFMPEG_MISSING', `${tool}: no binary runs (${passedOver.join('; ')})`, {
    hint: `install ffmpeg, or set ${variable} to a ${tool} binary`,
  });
}

function placesOf(tool: Tool, env: NodeJS.ProcessEnv, load: PackageLoader): Place[] {
  const onPath: Place = { source: 'PATH', find: () => searchPath(tool, env['PATH'] ?? '') };
  const carried = `@${tool}-installer/${tool}`;
  const installer: Place = { source: carried, find: () => fromPackage(carried, load) };
  // ffmpeg-static downloads its binary at install time: the package may be there without it
  return tool === 'ffmpeg'
    ? [{ source: 'ffmpeg-static', find: () => fromPackage('ffmpeg-static', load) }, onPath, installer]
    : [onPath, installer];
}

/** The binary that a package names; its run bit is set where it lacks. */
async function fromPackage(name: string, load: PackageLoader): Promise<string> {
  const path = nameInPackage(name, load);
  if (!(await isFile(path))) throw new Error(`its file ${path} is missing`);
  if (!(await isRunnable(path))) await chmod(path, 0o755);
  return path;
}

/** ffmpeg-static exports the path itself, the installers export an object that holds it. */
function nameInPackage(name: string, load: PackageLoader): string {
  let named: unknown;
  try {
    named = load(name);
  } catch {
    throw new Error('not installed for this platform');
  }
  const path = typeof named === 'string' ? named : (named as { path?: string } | null)?.path;
  if (!path) throw new Error('it names no file for this platform');
  return path;
}

async function searchPath(tool: Tool, path: string): Promise<string> {
  const name = process.platform === 'win32' ? `${tool}.exe` : tool;
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    if (folder && (await isFile(file)) && (await isRunnable(file))) return file;
  }
  throw new Error('not there');
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

async function isRunnable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Long enough for a first start from a slow disk: the binaries are some 70 MB. */
const VERSION_TIMEOUT_MS = 20_000;
/** FFmpeg 4 came with libavutil 56; both have counted on together since. */
const LIBAVUTIL_AHEAD = 52;

/** Runs `-version`. @throws Error where the file does not run or is another program */
async function tryBinary(tool: Tool, source: string, path: string): Promise<Binary> {
  const { stdout, failure } = await capture(path, ['-version'], VERSION_TIMEOUT_MS);
  if (failure !== undefined) throw new Error(`${path} -version: ${failure}`);
  const version = stdout.split('\n')[0]!.trim();
  if (!version.startsWith(`${tool} version`)) throw new Error(`${path} -version: does not say that it is ${tool}`);
  const library = /^libavutil\s+(\d+)\./m.exec(stdout)?.[1];
  return { path, source, version, major: library === undefined ? null : Number(library) - LIBAVUTIL_AHEAD };
}

/** The first major version all of whose releases have -fps_mode, which replaces -vsync. */
const FPS_MODE_SINCE = 6;

/** The option for "one frame out for each frame in". */
export function passthroughOption({ major }: Binary): string[] {
  return [(major ?? FPS_MODE_SINCE) >= FPS_MODE_SINCE ? '-fps_mode' : '-vsync', 'passthrough'];
}
