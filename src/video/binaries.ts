/** Which ffmpeg and ffprobe are used, and why. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { messageOf, TrackerError } from '../errors.js';

export interface Binary {
  readonly path: string;
  /** Where it was found: FFMPEG_PATH, ffmpeg-static, PATH, @ffmpeg-installer/ffmpeg ... */
  readonly source: string;
  /** First line of -version. */
  readonly version: string;
}

export interface Binaries {
  readonly ffmpeg: Binary;
  readonly ffprobe: Binary;
  /** The places passed over, and why. */
  readonly passedOver: readonly string[];
}

type Tool = 'ffmpeg' | 'ffprobe';

interface Place {
  readonly source: string;
  readonly find: () => Promise<string | undefined>;
}

const require = createRequire(import.meta.url);

/**
 * In this order: FFMPEG_PATH / FFPROBE_PATH, ffmpeg-static, PATH, the installer packages, which carry their binaries.
 * @throws TrackerError FFMPEG_MISSING where none runs, or where the one that was asked for does not
 */
export async function findBinaries(env: NodeJS.ProcessEnv = process.env): Promise<Binaries> {
  const passedOver: string[] = [];
  const ffmpeg = await findTool('ffmpeg', env, passedOver);
  const ffprobe = await findTool('ffprobe', env, passedOver);
  return { ffmpeg, ffprobe, passedOver };
}

async function findTool(tool: Tool, env: NodeJS.ProcessEnv, passedOver: string[]): Promise<Binary> {
  const variable = tool === 'ffmpeg' ? 'FFMPEG_PATH' : 'FFPROBE_PATH';
  const asked = env[variable];
  if (asked) {
    const version = await versionOf(asked).catch((cause: unknown) => {
      throw new TrackerError('FFMPEG_MISSING', `${variable}=${asked}: does not run (${messageOf(cause)})`, {
        hint: `unset ${variable}, or let it name a ${tool} binary`,
        cause,
      });
    });
    return { path: asked, source: variable, version };
  }
  for (const { source, find } of placesOf(tool, env)) {
    try {
      const path = await find();
      if (!path) {
        passedOver.push(`${tool}: ${source}: not there`);
        continue;
      }
      return { path, source, version: await versionOf(path) };
    } catch (error) {
      passedOver.push(`${tool}: ${source}: ${messageOf(error)}`);
    }
  }
  throw new TrackerError('FFMPEG_MISSING', `${tool}: no binary runs (${passedOver.join('; ')})`, {
    hint: `install ffmpeg, or set ${variable} to a ${tool} binary`,
  });
}

function placesOf(tool: Tool, env: NodeJS.ProcessEnv): Place[] {
  const onPath: Place = { source: 'PATH', find: () => searchPath(tool, env['PATH'] ?? '') };
  const carried = `@${tool}-installer/${tool}`;
  const installer: Place = { source: carried, find: () => fromPackage(carried) };
  // ffmpeg-static downloads its binary at install time: the package may be there without it
  return tool === 'ffmpeg'
    ? [{ source: 'ffmpeg-static', find: () => fromPackage('ffmpeg-static') }, onPath, installer]
    : [onPath, installer];
}

/** The binary that a package names; its run bit is set where it lacks. */
async function fromPackage(name: string): Promise<string | undefined> {
  let named: unknown;
  try {
    named = require(name);
  } catch {
    return undefined;
  }
  const path = typeof named === 'string' ? named : (named as { path?: string } | null)?.path;
  if (!path || !(await isFile(path))) return undefined;
  const runs = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!runs) await chmod(path, 0o755);
  return path;
}

async function searchPath(tool: Tool, path: string): Promise<string | undefined> {
  const name = process.platform === 'win32' ? `${tool}.exe` : tool;
  for (const folder of path.split(delimiter)) {
    if (folder && (await isFile(join(folder, name)))) return join(folder, name);
  }
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

/** First line of `-version`. */
function versionOf(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, ['-version'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      const line = text.split('\n')[0]!.trim();
      if (code === 0 && line !== '') resolve(line);
      else reject(new Error(`-version ended with ${code}`));
    });
  });
}

/** The option for "one frame per coded frame": renamed in FFmpeg 5.1; the old one went in 8. Builds of no release are old here. */
export function passthroughOption(version: string): string[] {
  const match = /version n?(\d+)\.(\d+)/.exec(version);
  const modern = match !== null && Number(match[1]) + Number(match[2]) / 100 >= 5.01;
  return modern ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough'];
}
