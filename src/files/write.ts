/**
 * Files are written beside their place, under a name of their own in the same folder, and renamed when they are whole. A reader sees the old
 * file or the new one, and a run that fails leaves the old one. A link stays a link: the file that it leads to is replaced. What cannot be
 * replaced (a pipe, a device, /dev/stdout) is written into.
 */
import { randomBytes } from 'node:crypto';
import { access, chmod, constants, open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { findPlace, statOf, type Place } from './place.js';

/** A name in the folder of `file` that nobody has; hidden, so that nobody takes it for a result. */
export function besideOf(file: string): string {
  return path.join(path.dirname(file), `.ebm-tracker-${randomBytes(6).toString('hex')}.part`);
}

/** Writes a whole file, or leaves the old one. @throws TrackerError OUTPUT_FAILED */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const place = await findPlace(file);
  try {
    if (place.kind === 'stream') await writeInto(file, content);
    else await replaceFile(place.path, content);
  } catch (cause) {
    throw outputFailed(file, cause);
  }
}

/** The same for exactly this name: a link is replaced, not followed. Throws what the system says. */
export async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  const beside = besideOf(file);
  try {
    const handle = await open(beside, 'wx', await modeOf(file));
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await putInPlace(beside, file);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Gives a finished file its name, in place of one that is there, whose permissions it takes over. */
export async function putInPlace(beside: string, file: string): Promise<void> {
  const mode = await modeOf(file);
  // a file system without permissions refuses that
  if (mode !== undefined) await chmod(beside, mode).catch(() => undefined);
  await rename(beside, file);
}

/** Permissions of a file that is there: what replaces it must not be open to more people, at no time. */
export async function modeOf(file: string): Promise<number | undefined> {
  const found = await statOf(file);
  return found && Number(found.mode & 0o777n);
}

/** A reader that has seen enough, such as head, is no failure. */
async function writeInto(stream: string, content: string | Uint8Array): Promise<void> {
  await writeFile(stream, content).catch((error: unknown) => {
    if (!isReaderGone(error)) throw error;
  });
}

/** Tells whether a write failed because the reader of a pipe has ended: it has what it wanted. */
export function isReaderGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // a pipe of Windows says EOF; a stream that has failed once is destroyed
  return code === 'EPIPE' || code === 'EOF' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED';
}

/**
 * Says at once what would only show after the work was done.
 * @throws TrackerError OUTPUT_FAILED: no such folder, not writable, a folder itself
 */
export async function checkWritable(file: string): Promise<Place> {
  const place = await findPlace(file);
  if (place.kind === 'folder') throw outputFailed(file, 'it is a folder', 'name a file');
  if (place.kind === 'stream') return place;
  const folder = path.dirname(place.path);
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw outputFailed(file, cause, `mkdir -p ${folder}, or name a folder that you may write to`);
  });
  if (place.kind === 'file') {
    // opened, because access() does not tell of a file that another program has locked
    await open(place.path, 'r+').then(
      (handle) => handle.close(),
      (cause: unknown) => {
        throw outputFailed(file, cause, 'name another file, or make this one writable');
      },
    );
  }
  return place;
}

export function outputFailed(
  file: string,
  cause: unknown,
  hint = 'check that the folder is there, has room, and that you may write to it',
): TrackerError {
  return new TrackerError('OUTPUT_FAILED', `output ${file}: cannot be written (${messageOf(cause)})`, { hint, cause });
}
