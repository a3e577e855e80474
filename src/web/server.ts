/** The server behind the page: it listens for nobody yet, guards every request, and closes what it opened. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fastify, { type FastifyInstance } from 'fastify';
import { messageOf, TrackerError } from '../errors.js';
import { findBinaries, oldBuildNote } from '../video/binaries.js';
import { answerError, answerNotFound } from './answers.js';
import { answerBroken, refuseExpectations } from './broken.js';
import { addGuard } from './guard.js';
import { OpenVideos } from './open-videos.js';
import { openRoot, type Root } from './root.js';
import { addRoutes, type PickedBox } from './routes.js';
import { createTrackerPool, type PooledTracker } from './track-objects.js';

export interface WebOptions {
  /** A video, a folder of images, or a folder that holds some: nothing outside it is shown. */
  readonly root: string;
  readonly openTracker: () => Promise<PooledTracker>;
  /** Asked for in every request; left out: only requests to loopback names are answered. */
  readonly token?: string | undefined;
  /** Number of the video stream, of every video that is opened; left out: the one that players show. */
  readonly stream?: number | undefined;
  /** The page is for drawing one box, which goes here. */
  readonly onPick?: (picked: PickedBox) => void;
  /** Folder of the built page; left out: dist/web/page of this package. */
  readonly pageFolder?: string | undefined;
  /** Told what the user should know before the page is there. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Aborted: a stream is not waited for any longer. */
  readonly signal?: AbortSignal | undefined;
}

const MAX_BODY = 16 * 2 ** 10;
const MAX_CONNECTIONS = 200;

/** Not listening yet. close() ends all tracking. @throws TrackerError INPUT_NOT_FOUND, FFMPEG_MISSING */
export async function createServer(options: WebOptions): Promise<FastifyInstance> {
  const { onNote, onPick, signal, stream, token } = options;
  const binaries = await findBinaries();
  const old = oldBuildNote(binaries);
  if (old) onNote?.(`${old.note}; better: ${old.mend}`);
  const root = await openRoot(options.root, { onNote, signal });
  const pool = createTrackerPool(options.openTracker);
  const videos = new OpenVideos({ root, pool, binaries, stream });
  const server = openFastify(root);
  addGuard(server, { token });
  addPage(server, options.pageFolder ?? path.join(import.meta.dirname, '../../dist/web/page'));
  addRoutes(server, root, videos, onPick);
  server.addHook('preClose', async () => {
    await videos.close();
    await pool.release();
    root.close?.();
  });
  return server;
}

function openFastify(root: Root): FastifyInstance {
  const server = fastify({
    bodyLimit: MAX_BODY,
    routerOptions: { maxParamLength: 64 },
    requestTimeout: 30_000,
    forceCloseConnections: true,
    // the guard refuses it, in its own words
    http: { requireHostHeader: false },
    clientErrorHandler: answerBroken,
    frameworkErrors: (error, _, reply) => void answerError(error, reply, root),
  });
  refuseExpectations(server);
  server.server.maxConnections = MAX_CONNECTIONS;
  server.setErrorHandler((error, _, reply) => answerError(error, reply, root));
  server.setNotFoundHandler((_, reply) => answerNotFound(reply));
  return server;
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
