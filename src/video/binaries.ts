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
  /** Place where it was found: FFMPEG_PATH, ffmpeg-static, PATH, @ffmpeg-installer/ffmpeg ... */
  readonly source: string;
  /** First line of -version. */
  readonly version: string;
  /** FFmpeg's major version, told from its libavutil, because builds from git have no version number; null if it does not say. */
  readonly major: number | null;
  /** Year that its copyright line ends with: it is hardly newer than that; null if it does not say. */
  readonly year: number | null;
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

/** Loads an npm package and returns its exports; throws where it is not installed. */
export type PackageLoader = (name: string) => unknown;

/**
 * Takes the program that FFMPEG_PATH / FFPROBE_PATH names; else the newer one of ffmpeg-static's and PATH's; else what the installer packages carry.
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
  const own = newest(tool, await tryPlaces(tool, ownPlaces(tool, env, load), passedOver), passedOver);
  // the carried builds stopped there: they may still be better than what an old system has
  if (own && majorOf(own) >= CARRIED_MAJOR) return own;
  const carried = await tryPlaces(tool, [carriedPlace(tool, load)], passedOver);
  const found = newest(tool, [...(own ? [own] : []), ...carried], passedOver);
  if (found) return found;
  throw new TrackerError('FFMPEG_MISSING', `${tool}: no binary runs (${passedOver.join('; ')})`, {
    hint: `install ffmpeg, or set ${variable} to a ${tool} binary`,
  });
}

/** The programs that run, in the same order. */
async function tryPlaces(tool: Tool, places: readonly Place[], passedOver: string[]): Promise<Binary[]> {
  const tried = await Promise.allSettled(places.map(async ({ source, find }) => tryBinary(tool, source, await find())));
  for (const [i, result] of tried.entries()) {
    if (result.status === 'rejected') passedOver.push(`${tool}: ${places[i]!.source}: ${messageOf(result.reason)}`);
  }
  return tried.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** The binary with the highest major version; among equals the first one. */
function newest(tool: Tool, found: readonly Binary[], passedOver: string[]): Binary | undefined {
  const best = found.toSorted((a, b) => majorOf(b) - majorOf(a))[0];
  for (const other of found) {
    if (other !== best) passedOver.push(`${tool}: ${other.source}: not newer than that of ${best!.source}`);
  }
  return best;
}

/** ffmpeg-static downloads its binary at install time: the package may be there without it. */
function ownPlaces(tool: Tool, env: NodeJS.ProcessEnv, load: PackageLoader): Place[] {
  const onPath: Place = { source: 'PATH', find: () => searchPath(tool, env['PATH'] ?? '') };
  return tool === 'ffmpeg'
    ? [{ source: 'ffmpeg-static', find: () => fromPackage('ffmpeg-static', load) }, onPath]
    : [onPath];
}

function carriedPlace(tool: Tool, load: PackageLoader): Place {
  const source = `@${tool}-installer/${tool}`;
  return { source, find: () => fromPackage(source, load) };
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

/** Answers of binaries to -version, cached by file: a program that opens many videos starts each binary once. */
const ASKED = new Map<string, Promise<Binary>>();

/** @throws Error where the file does not run or is another program */
async function tryBinary(tool: Tool, source: string, path: string): Promise<Binary> {
  // a file that was exchanged is another one
  const file = await stat(path).catch(() => undefined);
  if (!file) return askVersion(tool, source, path);
  const key = [tool, source, path, file.ino, file.size, file.mtimeMs].join('\0');
  const asked = ASKED.get(key) ?? askVersion(tool, source, path);
  ASKED.set(key, asked);
  // a start that failed may be the fault of the moment
  asked.catch(() => ASKED.delete(key));
  return asked;
}

/** Runs `-version`. */
async function askVersion(tool: Tool, source: string, path: string): Promise<Binary> {
  const { stdout, failure } = await capture(path, ['-version'], VERSION_TIMEOUT_MS);
  if (failure !== undefined) throw new Error(`${path} -version: ${failure}`);
  const version = stdout.split('\n')[0]!.trim();
  if (!version.startsWith(`${tool} version`)) throw new Error(`${path} -version: does not say that it is ${tool}`);
  const library = /^libavutil\s+(\d+)\./m.exec(stdout)?.[1];
  const year = /Copyright \(c\) (?:\d{4}-)?(\d{4})/.exec(version)?.[1];
  return {
    path,
    source,
    version,
    major: library === undefined ? null : Number(library) - LIBAVUTIL_AHEAD,
    year: year === undefined ? null : Number(year),
  };
}

/** The first major version all of whose releases have -fps_mode, which replaces -vsync. */
const FPS_MODE_SINCE = 6;

/** A build that does not say is taken to be of today. */
const majorOf = ({ major }: Pick<Binary, 'major'>): number => major ?? FPS_MODE_SINCE;

/** The option for "one frame out for each frame in". */
export function passthroughOption(binary: Binary): string[] {
  return [majorOf(binary) >= FPS_MODE_SINCE ? '-fps_mode' : '-vsync', 'passthrough'];
}

// --- old builds ---

/** The installer packages carry FFmpeg 4 for most systems, of December 2018. */
const CARRIED_MAJOR = 4;
const ALLOW_OLD = 'EBM_TRACKER_OLD_FFMPEG';

/** Carried builds get no security fixes; those of a system do, whatever their number. */
function isOld(binary: Binary): boolean {
  return binary.source.startsWith('@') && majorOf(binary) <= CARRIED_MAJOR;
}

/** The command that brings a current one. */
function installCommand(platform: NodeJS.Platform = process.platform): string {
  if (platform === 'darwin') return 'brew install ffmpeg';
  return platform === 'win32' ? 'winget install ffmpeg' : 'apt-get install ffmpeg (or the like of your system)';
}

/** A word to the user on an old build, and the command that mends it; undefined where the build is current. */
export function oldBuildNote({ ffmpeg }: Binaries): { readonly note: string; readonly mend: string } | undefined {
  if (!isOld(ffmpeg)) return undefined;
  const note = `videos are read by the ffmpeg of ${ffmpeg.year ?? 'years ago'} that comes with the package, because no other was found`;
  return { note: `${note}: it has known security holes and knows no newer formats`, mend: installCommand() };
}

/**
 * Keeps videos from elsewhere away from a program with known holes, unless the user says otherwise.
 * @throws TrackerError FFMPEG_OLD
 */
export function refuseOldBuild(
  { ffmpeg, ffprobe }: Binaries,
  video: string,
  env: NodeJS.ProcessEnv = process.env,
): void {
  const old = [ffmpeg, ffprobe].find(isOld);
  if (!old || env[ALLOW_OLD] === 'allow') return;
  const found = `found only ${old.source}, a build of ${old.year ?? 'unknown age'} with known security holes`;
  throw new TrackerError('FFMPEG_OLD', `video ${video}: addresses and live sources need a current ffmpeg; ${found}`, {
    hint: `${installCommand()}, or let FFMPEG_PATH and FFPROBE_PATH name one; to use the old one all the same: ${ALLOW_OLD}=allow`,
  });
}
