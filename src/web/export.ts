/** Results as a file to be saved. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyReply } from 'fastify';
import { TrackerError } from '../errors.js';
import { FORMATS, type ExportFormat } from './formats.js';
import type { OpenVideo } from './open-videos.js';

/** Written to a file first: a failure is an answer then, not half a file. @param name of the format */
export async function sendExport(opened: OpenVideo, name: string, reply: FastifyReply): Promise<FastifyReply> {
  const format = findFormat(name);
  // formats tell how many frames there are
  await opened.video.counted;
  const folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-export-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const title = titleOf(opened);
    const file = path.join(folder, `export${format.ending}`);
    await write(opened, format, title, file);
    const stream = createReadStream(file);
    stream.once('close', () => void remove());
    return reply
      .type('application/octet-stream')
      .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(title + format.ending)}`)
      .header('cache-control', 'no-store')
      .send(stream);
  } catch (error) {
    await remove();
    throw error;
  }
}

function findFormat(name: string): ExportFormat {
  const format = FORMATS.find((known) => known.name === name);
  if (format) return format;
  const known = FORMATS.map((one) => one.name).join(', ');
  throw new TrackerError('OPTION_INVALID', `format ${name.slice(0, 40)}: expected one of ${known}`, {
    hint: 'choose one of the list',
  });
}

function titleOf({ video, session }: OpenVideo): string {
  const { path: source } = session.data();
  return path.parse(source === '.' ? path.basename(video.path) : source).name;
}

async function write({ video, session }: OpenVideo, format: ExportFormat, name: string, file: string): Promise<void> {
  const { width, height, fps, frames: frameCount } = session.data();
  const rows = session.rows();
  const frames = (first: number) => video.frames(first);
  await format.write(file, { name, width, height, fps, frameCount, pixelAspect: video.pixelAspect, rows, frames });
}
