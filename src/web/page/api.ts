/** Calls to the server. */
import {
  FRAME_HEADER,
  TIME_HEADER,
  type DrawRequest,
  type FileList,
  type PickRequest,
  type Refusal,
  type SessionInfo,
  type VideoEvent,
  type VideoOpened,
} from '../messages.js';

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

export interface Picture {
  readonly bitmap: ImageBitmap;
  /** Seconds from the first frame; undefined where it is not known. */
  readonly time: number | undefined;
}

async function pictureOf(response: Response): Promise<Picture> {
  const time = response.headers.get(TIME_HEADER);
  return { bitmap: await createImageBitmap(await response.blob()), time: time === null ? undefined : Number(time) };
}

const at = (video: string, rest: string): string => `/api/videos/${video}/${rest}`;

export const api = {
  session: () => call<SessionInfo>('GET', '/api/session'),
  files: () => call<FileList>('GET', '/api/files'),
  open: (path: string) => call<VideoOpened>('POST', '/api/videos', { path }),
  draw: (video: string, drawn: DrawRequest) => call<{ object: number }>('POST', at(video, 'boxes'), drawn),
  remove: (video: string, object: number) => call<object>('DELETE', at(video, `objects/${object}`)),
  undo: (video: string) => call<{ undone: boolean }>('POST', at(video, 'undo')),
  start: (video: string) => call<object>('POST', at(video, 'start')),
  stop: (video: string) => call<object>('POST', at(video, 'stop')),
  pick: (picked: PickRequest) => call<object>('POST', '/api/pick', picked),
  async frame(video: string, frame: number, signal: AbortSignal): Promise<Picture> {
    return pictureOf(await request('GET', at(video, `frames/${frame}`), undefined, signal));
  },
  /** The frame, or one before it that is at hand sooner. */
  async near(video: string, frame: number, signal: AbortSignal): Promise<{ frame: number; picture: Picture }> {
    const response = await request('GET', at(video, `frames/${frame}?near=1`), undefined, signal);
    return { frame: Number(response.headers.get(FRAME_HEADER)), picture: await pictureOf(response) };
  },
  /** The file, and the name that the server gives it. */
  async export(video: string, format: string): Promise<{ blob: Blob; name: string }> {
    const response = await request('GET', at(video, `export?format=${encodeURIComponent(format)}`));
    const name = /''(.+)$/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? `boxes.${format}`;
    return { blob: await response.blob(), name: decodeURIComponent(name) };
  },
  /** @returns to be called to end it */
  events(video: string, onEvent: (event: VideoEvent) => void, onBroken: () => void): () => void {
    const source = new EventSource(at(video, 'events'));
    source.addEventListener('message', ({ data }) => onEvent(JSON.parse(String(data)) as VideoEvent));
    source.addEventListener('error', onBroken);
    return () => source.close();
  },
};
