/**
 * Sets up native TensorFlow where tfjs-node's own install cannot download it: TensorFlow's libraries out of a PyPI wheel and the JavaScript
 * layer of tfjs-node out of its npm package, into the cache folder. What lies there already and is intact is left alone. Linux x86-64.
 *
 *   npx tsx tools/native-tensorflow.ts [--wheel FILE] [--tfjs-node FILE]
 *
 * --wheel FILE       a tensorflow-cpu 2.15.1 wheel (manylinux x86_64); without it pip downloads one (207 MB)
 * --tfjs-node FILE   the package of @tensorflow/tfjs-node 4.22.0; without it npm downloads it (0.2 MB)
 *
 * Cache folder: EBM_TRACKER_CACHE, else ebm-tracker in XDG_CACHE_HOME, else ~/.cache/ebm-tracker. Takes 615 MB.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, openSync, writeSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { Unzip, UnzipInflate } from 'fflate';
import { messageOf, TrackerError } from '../src/errors.js';
import {
  cacheDirectory,
  nativeDirectories,
  TENSORFLOW_VERSION,
  TFJS_NODE_VERSION,
} from '../src/runtime/native-backend.js';

const run = promisify(execFile);

/** What is taken out of the wheel: member, sha256 of its content. */
export const LIBRARIES = [
  {
    member: 'tensorflow/libtensorflow_cc.so.2',
    sha256: '26c52413c74ae9495f742c93b87fcb515c9010627f3feb5ad29b65dff901a2ee',
  },
  {
    member: 'tensorflow/libtensorflow_framework.so.2',
    sha256: '1ed1f34811d338f934cb01155be51963f7a8ef4155cd201d0fba34b27425fc6b',
  },
] as const;

const TFJS_NODE_SHA512 = 'uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==';

const FETCH_HINT = 'fetch it again, or remove the file and let this tool download it';

/** Writes a progress line; stderr, because stdout carries results only. */
const say = (text: string): void => void process.stderr.write(`${text}\n`);

// ---------------------------------------------------------------- zip

/** Writes a member of a zip archive to a file. @returns its sha256; undefined where the archive has no such member, or ends before it does */
async function unzipMember(archive: string, member: string, file: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  const target = openSync(file, 'w');
  let complete = false;
  const unzip = new Unzip((entry) => {
    if (entry.name !== member) return;
    entry.ondata = (error, chunk, final) => {
      if (error) throw error;
      hash.update(chunk);
      writeSync(target, chunk);
      complete ||= final;
    };
    entry.start();
  });
  unzip.register(UnzipInflate);
  try {
    for await (const chunk of createReadStream(archive)) {
      unzip.push(chunk as Buffer);
      if (complete) break;
    }
  } finally {
    closeSync(target);
  }
  return complete ? hash.digest('hex') : undefined;
}

/**
 * Unpacks one member of a zip archive: streamed, checked, and only then under its name.
 * @throws TrackerError DATA_INVALID when the archive lacks the member or its content has another sha256
 */
export async function extractMember(archive: string, member: string, sha256: string, target: string): Promise<void> {
  const partial = `${target}.${process.pid}.part`;
  try {
    const found = await unzipMember(archive, member, partial);
    if (found === undefined) {
      throw new TrackerError('DATA_INVALID', `${archive}: found no whole ${member}`, {
        hint: `give the tensorflow-cpu ${TENSORFLOW_VERSION} wheel for manylinux x86_64`,
      });
    }
    if (found !== sha256) {
      throw new TrackerError('DATA_INVALID', `${archive}, ${member}: found sha256 ${found}, expected ${sha256}`, {
        hint: FETCH_HINT,
      });
    }
    await chmod(partial, 0o755);
    await rename(partial, target);
  } catch (error) {
    // fflate numbers its errors; those of the file system have names
    const isBroken = typeof (error as { code?: unknown }).code === 'number';
    if (!isBroken) throw error;
    throw new TrackerError('DATA_INVALID', `${archive}, ${member}: does not inflate (${messageOf(error)})`, {
      hint: FETCH_HINT,
      cause: error,
    });
  } finally {
    await rm(partial, { force: true });
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

// ---------------------------------------------------------------- tar

/**
 * Unpacks the tfjs-node package beside its place, then moves the folder there.
 * @throws TrackerError DATA_INVALID when the package is another
 */
export async function unpackTfjsNode(packed: string, target: string, sha512 = TFJS_NODE_SHA512): Promise<void> {
  const data = await readFile(packed);
  const found = createHash('sha512').update(data).digest('base64');
  if (found !== sha512) {
    throw new TrackerError('DATA_INVALID', `${packed}: found sha512 ${found}, expected ${sha512}`, {
      hint: FETCH_HINT,
    });
  }
  const partial = `${target}.${process.pid}.part`;
  try {
    await mkdir(partial, { recursive: true });
    await run('tar', ['-xzf', packed, '-C', partial, '--strip-components=1', '--exclude=*.gyp', '--exclude=*.ts']);
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true, recursive: true });
  }
}

// ---------------------------------------------------------------- set up

/** Runs a download into a folder and returns the one file that came. */
async function download(folder: string, commands: readonly (readonly [string, ...string[]])[], what: string) {
  let cause: unknown;
  for (const [command, ...args] of commands) {
    try {
      await run(command, args, { cwd: folder });
      const [file] = await readdir(folder);
      if (file !== undefined) return path.join(folder, file);
    } catch (error) {
      cause = error;
    }
  }
  throw new TrackerError('TENSORFLOW_UNAVAILABLE', `${what}: the download failed (${messageOf(cause)})`, {
    hint: `download it elsewhere and give the file: --wheel FILE or --tfjs-node FILE`,
    cause,
  });
}

function downloadWheel(folder: string): Promise<string> {
  const args = ['download', '--no-deps', '--only-binary=:all:', '--python-version', '3.11'];
  args.push('--platform', 'manylinux_2_17_x86_64', `tensorflow-cpu==${TENSORFLOW_VERSION}`);
  return download(
    folder,
    [
      ['python3', '-m', 'pip', ...args],
      ['pip', ...args],
    ],
    `wheel tensorflow-cpu ${TENSORFLOW_VERSION}`,
  );
}

function downloadTfjsNode(folder: string): Promise<string> {
  const spec = `@tensorflow/tfjs-node@${TFJS_NODE_VERSION}`;
  return download(folder, [['npm', 'pack', spec]], spec);
}

/** Does a job with a downloaded file in a folder that is gone afterwards. */
async function withDownload(fetch: (folder: string) => Promise<string>, use: (file: string) => Promise<void>) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'ebm-tracker-'));
  try {
    await use(await fetch(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A file that the user named. */
function existing(file: string): string {
  if (existsSync(file)) return file;
  throw new TrackerError('INPUT_NOT_FOUND', `${path.resolve(file)}: not found`, {
    hint: 'leave the option out to download it',
  });
}

async function setUpLibraries(folder: string, wheel: string | undefined): Promise<void> {
  await mkdir(folder, { recursive: true });
  const missing: (typeof LIBRARIES)[number][] = [];
  for (const library of LIBRARIES) {
    const file = path.join(folder, path.basename(library.member));
    if (existsSync(file) && (await sha256Of(file)) === library.sha256) say(`there already, checked: ${file}`);
    else missing.push(library);
  }
  if (missing.length === 0) return;
  const unpack = async (archive: string): Promise<void> => {
    for (const { member, sha256 } of missing) {
      const file = path.join(folder, path.basename(member));
      await extractMember(archive, member, sha256, file);
      say(`unpacked and checked: ${file}`);
    }
  };
  if (wheel !== undefined) return unpack(existing(wheel));
  say(`downloading the wheel of tensorflow-cpu ${TENSORFLOW_VERSION}, 207 MB`);
  await withDownload(downloadWheel, unpack);
}

async function setUpTfjsNode(folder: string, packed: string | undefined): Promise<void> {
  if (existsSync(folder)) return say(`there already: ${folder}`);
  if (packed !== undefined) await unpackTfjsNode(existing(packed), folder);
  else await withDownload(downloadTfjsNode, (file) => unpackTfjsNode(file, folder));
  say(`unpacked and checked: ${folder}`);
}

function readOptions(): { wheel?: string; 'tfjs-node'?: string } {
  try {
    return parseArgs({ options: { wheel: { type: 'string' }, 'tfjs-node': { type: 'string' } } }).values;
  } catch (cause) {
    throw new TrackerError('OPTION_INVALID', messageOf(cause), { hint: '[--wheel FILE] [--tfjs-node FILE]', cause });
  }
}

async function main(): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new TrackerError('TENSORFLOW_UNAVAILABLE', `found ${process.platform} ${process.arch}, expected linux x64`, {
      hint: 'npm install @tensorflow/tfjs-node, or use the wasm backend, which needs nothing',
    });
  }
  const values = readOptions();
  const { libraries, tfjsNode } = nativeDirectories(cacheDirectory());
  await setUpLibraries(libraries, values.wheel);
  await setUpTfjsNode(tfjsNode, values['tfjs-node']);
  const { openTensorflow } = await import('../src/runtime/tensorflow.js');
  const { version } = await openTensorflow({ backend: 'native' });
  say(`it works: ${version}`);
}

if (process.argv[1] === import.meta.filename) {
  try {
    await main();
  } catch (error) {
    const hint = error instanceof TrackerError ? `\nhint: ${error.hint}` : '';
    say(`native-tensorflow: ${messageOf(error)}${hint}`);
    process.exitCode = error instanceof TrackerError ? error.exitCode : 1;
  }
}
