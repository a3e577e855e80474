/** Calls to the server of `serve`. */
import {
  FRAME_HEADER,
  TIME_HEADER,
  type FileList,
  type Refusal,
  type SessionInfo,
  type VideoEvent,
  type VideoOpened,
} from '../messages.js';
import type { Picture, VideoService } from './service.js';

/** Error of a request that the server refused, in the server's words. */
export class RefusedError extends Error {
  readonly hint: string;

  constructor({ message, hint }: Refusal) {
    super(message);
    this.name = 'RefusedError';
    this.hint = hint;
  }
}

async function call<T>(method: string, url: string, body?: object, signal?: AbortSignal): Promise<T> {
  const response = await request(method, url, body, signal);
  return (await response.json()) as T;
}

async function request(method: string, url: string, body?: object, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, {
    method,
    ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    signal: signal ?? null,
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new RefusedError({ code: '', message: 'the server does not answer', hint: 'is ebm-tracker still running?' });
  });
  if (!response.ok) throw new RefusedError((await response.json()) as Refusal);
  return response;
}

async function pictureOf(response: Response): Promise<Picture> {
  const time = response.headers.get(TIME_HEADER);
  return { bitmap: await createImageBitmap(await response.blob()), time: time === null ? undefined : Number(time) };
}

export const api = {
  session: () => call<SessionInfo>('GET', '/api/session'),
  files: () => call<FileList>('GET', '/api/files'),
  open: async (path: string): Promise<VideoService> =>
    videoService(await call<VideoOpened>('POST', '/api/videos', { path })),
};

function videoService(opened: VideoOpened): VideoService {
  const at = (rest: string): string => `/api/videos/${opened.id}/${rest}`;
  return {
    opened,
    broken: 'The server does not answer. Is ebm-tracker still running?',
    draw: (drawn) => call('POST', at('boxes'), drawn),
    remove: (object) => call('DELETE', at(`objects/${object}`)),
    undo: () => call('POST', at('undo')),
    start: () => call('POST', at('start')),
    stop: () => call('POST', at('stop')),
    pick: (picked) => call('POST', '/api/pick', picked),
    frame: async (frame, signal) => pictureOf(await request('GET', at(`frames/${frame}`), undefined, signal)),
    async near(frame, signal) {
      const response = await request('GET', at(`frames/${frame}?near=1`), undefined, signal);
      return { frame: Number(response.headers.get(FRAME_HEADER)), picture: await pictureOf(response) };
    },
    async export(format) {
      const response = await request('GET', at(`export?format=${encodeURIComponent(format)}`));
      const name = /''(.+)$/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? `boxes.${format}`;
      return { blob: await response.blob(), name: decodeURIComponent(name) };
    },
    events(onEvent, onBroken) {
      const source = new EventSource(at('events'));
      source.addEventListener('message', ({ data }) => onEvent(JSON.parse(String(data)) as VideoEvent));
      source.addEventListener('error', onBroken);
      return () => source.close();
    },
  };
}
