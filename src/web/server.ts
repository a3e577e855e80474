/** The server behind the page: files, frames, drawn boxes, events, exports. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { z } from 'zod';
import { messageOf, TrackerError, type ErrorCode } from '../errors.js';
import { checkFirstBox, type FrameBox } from '../geometry.js';
import { findBinaries, oldBuildNote } from '../video/binaries.js';
import { openSeekable, type SeekableVideo } from '../video/seek.js';
import { answerBroken, refuseExpectations } from './broken.js';
import { streamEvents } from './events.js';
import { FORMATS } from './formats.js';
import { createFrameStore, type FrameStore } from './frames.js';
import { addGuard } from './guard.js';
import { createLimit } from './limit.js';
import { FRAME_HEADER, TIME_HEADER, type Refusal, type SessionInfo, type VideoOpened } from './messages.js';
import { concealed, findFootage, listFootage, openRoot, type Footage, type Root } from './root.js';
import { createSession, type Session } from './session.js';
import { createTrackerPool, type PooledTracker } from './track-objects.js';

export interface PickedBox {
  readonly frame: number;
  readonly box: FrameBox;
}

export interface WebOptions {
  /** A video, a folder of images, or a folder that holds some: nothing outside it is shown. */
  readonly root: string;
  readonly openTracker: () => Promise<PooledTracker>;
  /** Asked for in every request; left out: only requests to loopback names are answered. */
  readonly token?: string;
  /** Number of the video stream, of every video that is opened; left out: the one that players show. */
  readonly stream?: number;
  /** The page is for drawing one box, which goes here. */
  readonly onPick?: (picked: PickedBox) => void;
  /** Where the built page lies; left out: dist/web/page of this package. */
  readonly pageFolder?: string;
  /** Told what the user should know before the page is there. */
  readonly onNote?: (text: string) => void;
  /** Aborted: a stream is not waited for any longer. */
  readonly signal?: AbortSignal;
}

interface OpenVideo {
  readonly id: string;
  readonly video: SeekableVideo;
  readonly frames: FrameStore;
  readonly session: Session;
}

const MAX_BODY = 16 * 2 ** 10;
const MAX_OPEN = 8;
const MAX_JOBS = 4;
const MAX_CONNECTIONS = 200;
const MAX_PATH = 4096;
/** Frame numbers beyond are no frames. */
const MAX_FRAME = 10_000_000;

/** Of codes that are the asker's fault; all others are 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  BOX_INVALID: 400,
  OPTION_INVALID: 400,
  CONFIG_INVALID: 400,
  START_OUT_OF_RANGE: 404,
  INPUT_NOT_FOUND: 404,
  VIDEO_UNREADABLE: 422,
  IMAGE_UNREADABLE: 422,
};

const boxSchema = z.strictObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() });
const frameSchema = z.number().int().min(0).max(MAX_FRAME);
const drawSchema = z.strictObject({ frame: frameSchema, box: boxSchema, object: z.number().int().optional() });
const pickSchema = z.strictObject({ frame: frameSchema, box: boxSchema });
const openSchema = z.strictObject({ path: z.string().max(MAX_PATH) });
const videoParams = z.object({ id: z.uuid() });
const frameParams = videoParams.extend({ frame: z.coerce.number().pipe(frameSchema) });
const frameQuery = z.object({ near: z.literal('1').optional() });
const objectParams = videoParams.extend({ object: z.coerce.number().int() });
const exportQuery = z.object({ format: z.string() });

/** Not listening yet. close() ends all tracking. @throws TrackerError INPUT_NOT_FOUND, FFMPEG_MISSING */
export async function createServer(options: WebOptions): Promise<FastifyInstance> {
  const { onNote, signal } = options;
  const binaries = await findBinaries();
  const old = oldBuildNote(binaries);
  if (old) onNote?.(`${old.note}; better: ${old.mend}`);
  const root = await openRoot(options.root, { ...(onNote ? { onNote } : {}), ...(signal ? { signal } : {}) });
  const pool = createTrackerPool(options.openTracker);
  const limit = createLimit(MAX_JOBS);
  const closing = new AbortController();
  /** By path, in order of last use. */
  const open = new Map<string, Promise<OpenVideo>>();
  const byId = new Map<string, OpenVideo>();

  const openFootage = async ({ path: name, file, images }: Footage): Promise<OpenVideo> => {
    const video = await openSeekable(file, {
      binaries,
      signal: closing.signal,
      ...(images ? { images } : {}),
      ...(options.stream === undefined ? {} : { stream: options.stream }),
    });
    const frames = createFrameStore(video);
    // it is what is asked for next
    void frames.jpeg(0).catch(() => undefined);
    const opened = {
      id: randomUUID(),
      video,
      frames,
      session: createSession({ path: name, video, frames, pool, limit }),
    };
    byId.set(opened.id, opened);
    return opened;
  };
  const makeRoom = async (): Promise<void> => {
    for (const [name, opening] of open) {
      if (open.size < MAX_OPEN) return;
      const opened = await opening;
      if (!opened.session.isIdle()) continue;
      open.delete(name);
      byId.delete(opened.id);
      await opened.session.close();
    }
    if (open.size < MAX_OPEN) return;
    throw new TrackerError('OPTION_INVALID', `${MAX_OPEN} videos are open, which is the most`, {
      hint: 'remove the objects of one that is done with, and close its page',
    });
  };
  const openPath = async (asked: string): Promise<OpenVideo> => {
    const footage = await findFootage(root, asked);
    const there = open.get(footage.path);
    if (there) return there;
    await makeRoom();
    const opening = openFootage(footage);
    open.set(footage.path, opening);
    opening.catch(() => open.delete(footage.path));
    return opening;
  };
  const find = (params: unknown): OpenVideo => {
    const found = byId.get(videoParams.parse(params).id);
    if (found) return found;
    throw new TrackerError('INPUT_NOT_FOUND', 'this video is not open', { hint: 'open it again' });
  };

  const server = fastify({
    bodyLimit: MAX_BODY,
    routerOptions: { maxParamLength: 64 },
    requestTimeout: 30_000,
    forceCloseConnections: true,
    // the guard refuses it, in its own words
    http: { requireHostHeader: false },
    clientErrorHandler: answerBroken,
    frameworkErrors: (error, _, reply) => answerError(error, reply, root),
  });
  refuseExpectations(server);
  server.server.maxConnections = MAX_CONNECTIONS;
  addGuard(server, { token: options.token });
  server.setErrorHandler((error, _, reply) => answerError(error, reply, root));
  server.setNotFoundHandler((_, reply) =>
    reply.code(404).send({ code: 'NOT_FOUND', message: 'there is no such address', hint: 'open /' } satisfies Refusal),
  );
  addPage(server, options.pageFolder ?? path.join(import.meta.dirname, '../../dist/web/page'));

  server.get('/api/session', async (): Promise<SessionInfo> => {
    const formats = FORMATS.map(({ name, title }) => ({ name, title }));
    if (options.onPick) return { mode: 'pick', video: root.only ?? '.', formats };
    return { mode: 'serve', video: root.only ?? null, formats };
  });
  server.get('/api/files', () => listFootage(root));
  server.post('/api/videos', async ({ body }): Promise<VideoOpened> => {
    const { id, session } = await openPath(openSchema.parse(body).path);
    return { id, ...session.data() };
  });
  server.get('/api/videos/:id/frames/:frame', async ({ params, query }, reply) => {
    const { frame } = frameParams.parse(params);
    const { frames, video } = find(params);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    if (frameQuery.parse(query).near === undefined) {
      const picture = await frames.jpeg(frame, gone.signal);
      const headers = { 'cache-control': 'private, max-age=3600', ...timeHeader(video, frame) };
      return reply.type('image/jpeg').headers(headers).send(picture);
    }
    const near = await frames.near(frame, gone.signal);
    return reply
      .type('image/jpeg')
      .headers({ 'cache-control': 'no-store', [FRAME_HEADER]: near.frame, ...timeHeader(video, near.frame) })
      .send(near.picture);
  });
  server.get('/api/videos/:id/events', ({ params }, reply) => streamEvents(find(params).session, reply));
  server.post('/api/videos/:id/boxes', async ({ params, body }) => {
    const { frame, box, object } = drawSchema.parse(body);
    const { session, video } = find(params);
    await video.ready;
    return { object: session.draw(frame, box, object) };
  });
  server.delete('/api/videos/:id/objects/:object', async ({ params }) => {
    find(params).session.remove(objectParams.parse(params).object);
    return {};
  });
  server.post('/api/videos/:id/undo', async ({ params }) => ({ undone: find(params).session.undo() }));
  server.post('/api/videos/:id/start', async ({ params }) => {
    find(params).session.start();
    return {};
  });
  server.post('/api/videos/:id/stop', async ({ params }) => {
    find(params).session.stop();
    return {};
  });
  server.get('/api/videos/:id/export', ({ params, query }, reply) =>
    sendExport(find(params), exportQuery.parse(query).format, reply),
  );
  const { onPick } = options;
  if (onPick) {
    server.post('/api/pick', async ({ body }, reply) => {
      const picked = pickSchema.parse(body);
      const { video } = await openPath(root.only ?? '.');
      const box = checkFirstBox(picked.box, video);
      reply.raw.once('finish', () => onPick({ frame: picked.frame, box }));
      return {};
    });
  }

  server.addHook('preClose', async () => {
    closing.abort();
    const opened = await Promise.allSettled(open.values());
    for (const one of opened) if (one.status === 'fulfilled') await one.value.session.close();
    await pool.release();
    root.close?.();
  });
  return server;
}

function timeHeader(video: SeekableVideo, frame: number): Record<string, string> {
  const time = video.timeOf(frame);
  return time === undefined ? {} : { [TIME_HEADER]: time.toFixed(6) };
}

const PAGE_FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/app.js', 'app.js', 'text/javascript; charset=utf-8'],
  ['/style.css', 'style.css', 'text/css; charset=utf-8'],
] as const;

function addPage(server: FastifyInstance, folder: string): void {
  for (const [url, file, type] of PAGE_FILES) {
    server.get(url, async (_, reply) => {
      const text = await readFile(path.join(folder, file)).catch((cause: unknown) => {
        throw new TrackerError('SERVER_FAILED', `page ${file}: ${messageOf(cause)}`, { hint: 'npm run build', cause });
      });
      return reply.type(type).header('cache-control', 'no-cache').send(text);
    });
  }
}

/** Written to a file first: a failure is an answer then, not half a file. */
async function sendExport({ video, session }: OpenVideo, name: string, reply: FastifyReply): Promise<FastifyReply> {
  const format = FORMATS.find((known) => known.name === name);
  if (!format) {
    const known = FORMATS.map((one) => one.name).join(', ');
    throw new TrackerError('OPTION_INVALID', `format ${name.slice(0, 40)}: expected one of ${known}`, {
      hint: 'choose one of the list',
    });
  }
  // formats tell how many frames there are
  await video.counted;
  const folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-export-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const { width, height, fps, frames: frameCount, path: source } = session.data();
    const title = path.parse(source === '.' ? path.basename(video.path) : source).name;
    const file = path.join(folder, `export${format.ending}`);
    const rows = session.rows();
    await format.write(file, {
      name: title,
      width,
      height,
      fps,
      frameCount,
      pixelAspect: video.pixelAspect,
      rows,
      frames: (first) => video.frames(first),
    });
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

function answerError(error: unknown, reply: FastifyReply, root: Root): FastifyReply {
  const answer = (status: number, code: string, message: string, hint: string): FastifyReply =>
    reply.code(status).send({ code, message: concealed(root, message), hint } satisfies Refusal);
  if (error instanceof TrackerError) {
    return answer(STATUS[error.code] ?? 500, error.code, error.message, error.hint);
  }
  if (error instanceof z.ZodError) return answer(400, 'REQUEST_INVALID', z.prettifyError(error), 'reload the page');
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status < 500)
    return answer(status, 'REQUEST_INVALID', messageOf(error), 'reload the page');
  return answer(500, 'UNEXPECTED', messageOf(error), 'this is a fault of ebm-tracker; please report it');
}
