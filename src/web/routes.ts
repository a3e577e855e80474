/** Routes of the server: every address and its answer. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { checkFirstBox, type FrameBox } from '../geometry.js';
import type { SeekableVideo } from '../video/seek.js';
import { streamEvents } from './events.js';
import { sendExport } from './export.js';
import { FORMATS } from './formats.js';
import { FRAME_HEADER, TIME_HEADER, type SessionInfo, type VideoOpened } from './messages.js';
import type { OpenVideo, OpenVideos } from './open-videos.js';
import { listFootage, type Root } from './root.js';

export interface PickedBox {
  readonly frame: number;
  readonly box: FrameBox;
}

const MAX_PATH = 4096;
/** Frame numbers beyond are no frames. */
const MAX_FRAME = 10_000_000;

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

/** @param onPick where the page is for drawing one box: told which */
export function addRoutes(
  server: FastifyInstance,
  root: Root,
  videos: OpenVideos,
  onPick?: (picked: PickedBox) => void,
): void {
  const mode = onPick ? 'pick' : 'serve';
  const formats = FORMATS.map(({ name, title }) => ({ name, title }));
  const video = root.only ?? (onPick ? '.' : null);
  server.get('/api/session', async (): Promise<SessionInfo> => ({ mode, video, formats }));
  server.get('/api/files', () => listFootage(root));
  server.post('/api/videos', async ({ body }): Promise<VideoOpened> => {
    const { id, session } = await videos.openPath(openSchema.parse(body).path);
    return { id, ...session.data() };
  });
  addFrames(server, videos);
  addEditing(server, videos);
  if (onPick) addPick(server, root, videos, onPick);
}

const find = (videos: OpenVideos, params: unknown): OpenVideo => videos.find(videoParams.parse(params).id);

function addFrames(server: FastifyInstance, videos: OpenVideos): void {
  server.get('/api/videos/:id/frames/:frame', async ({ params, query }, reply) => {
    const { frame } = frameParams.parse(params);
    const { frames, video } = find(videos, params);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    reply.type('image/jpeg');
    if (frameQuery.parse(query).near === undefined) {
      const picture = await frames.jpeg(frame, gone.signal);
      reply.headers({ 'cache-control': 'private, max-age=3600', ...timeHeader(video, frame) });
      return reply.send(picture);
    }
    const near = await frames.near(frame, gone.signal);
    reply.headers({ 'cache-control': 'no-store', [FRAME_HEADER]: near.frame, ...timeHeader(video, near.frame) });
    return reply.send(near.picture);
  });
}

function timeHeader(video: SeekableVideo, frame: number): Record<string, string> {
  const time = video.timeOf(frame);
  return time === undefined ? {} : { [TIME_HEADER]: time.toFixed(6) };
}

function addEditing(server: FastifyInstance, videos: OpenVideos): void {
  const sessionOf = (params: unknown) => find(videos, params).session;
  server.get('/api/videos/:id/events', ({ params }, reply) => streamEvents(sessionOf(params), reply));
  server.post('/api/videos/:id/boxes', async ({ params, body }) => {
    const { frame, box, object } = drawSchema.parse(body);
    const { session, video } = find(videos, params);
    await video.ready;
    return { object: session.draw(frame, box, object) };
  });
  server.delete('/api/videos/:id/objects/:object', async ({ params }) => {
    sessionOf(params).remove(objectParams.parse(params).object);
    return {};
  });
  server.post('/api/videos/:id/undo', async ({ params }) => ({ undone: sessionOf(params).undo() }));
  server.post('/api/videos/:id/start', async ({ params }) => {
    sessionOf(params).start();
    return {};
  });
  server.post('/api/videos/:id/stop', async ({ params }) => {
    sessionOf(params).stop();
    return {};
  });
  server.get('/api/videos/:id/export', ({ params, query }, reply) =>
    sendExport(find(videos, params), exportQuery.parse(query).format, reply),
  );
}

function addPick(server: FastifyInstance, root: Root, videos: OpenVideos, onPick: (picked: PickedBox) => void): void {
  server.post('/api/pick', async ({ body }, reply) => {
    const picked = pickSchema.parse(body);
    const { video } = await videos.openPath(root.only ?? '.');
    const box = checkFirstBox(picked.box, video);
    reply.raw.once('finish', () => onPick({ frame: picked.frame, box }));
    return {};
  });
}
