/** A session's events as server-sent events. */
import type { FastifyReply } from 'fastify';
import type { VideoEvent } from './messages.js';
import type { Session } from './session.js';

/** A reader that lags by so many bytes is let go: it comes back, and gets a snapshot. */
const MAX_LAG = 32 * 2 ** 20;
/** Milliseconds between two signs of life. */
const BEAT_MS = 15_000;

export function streamEvents(session: Session, reply: FastifyReply): FastifyReply {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  // it asks for the head alone
  if (reply.request.method === 'HEAD') {
    raw.end();
    return reply;
  }
  const send = (event: VideoEvent): void => {
    raw.write(`data: ${JSON.stringify(event)}\n\n`);
    if (raw.writableLength > MAX_LAG) raw.destroy();
  };
  const end = session.subscribe(send);
  const beat = setInterval(() => raw.write(':\n\n'), BEAT_MS);
  raw.once('close', () => {
    clearInterval(beat);
    end();
  });
  return reply;
}
