/** Asks the server of an http(s) address, before it is read: how long it is, whether parts can be asked for, how it begins. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TrackerError } from '../errors.js';

const HTTP = /^https?:\/\//i;

export function isHttp(path: string): boolean {
  return HTTP.test(path);
}

/** The server's answer to a request for the first bytes. */
export interface Answer {
  /** Bytes of the whole; undefined where the server does not say. */
  readonly length: number | undefined;
  /** Parts can be asked for, so that one can jump to any place. */
  readonly ranges: boolean;
  /** Media type, lower case, without parameters. */
  readonly type: string;
  /** The first bytes, as many as came at once. */
  readonly head: Uint8Array;
}

/** Node's client got no answer that it understands. */
export interface NoAnswer {
  readonly why: string;
}

/** A server that does not begin to answer for so long is taken to be down. */
const ANSWER_MS = 15_000;
/** The first bytes are not waited for any longer: a camera may send its first picture later. */
const HEAD_MS = 2000;
const HEAD_BYTES = 1024;
const OUT_OF_RANGE = 416;

/**
 * Without an answer ffmpeg may still get one: it speaks more (digest passwords, proxies, ICY), and asks for no certificates.
 * @throws TrackerError VIDEO_UNREADABLE where the server refuses; INTERRUPTED
 */
export async function askServer(
  address: string,
  signal?: AbortSignal,
  patienceMs = ANSWER_MS,
): Promise<Answer | NoAnswer> {
  const stop = new AbortController();
  const patience = setTimeout(() => stop.abort(), patienceMs);
  try {
    const either = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])]);
    const inParts = await request(address, either, { range: `bytes=0-${HEAD_BYTES - 1}` });
    // so says a server that cannot give parts, or has nothing to give
    const response = inParts.status === OUT_OF_RANGE ? await request(address, either) : inParts;
    clearTimeout(patience);
    if (wantsDigest(address, response)) return { why: 'it asks for a digest password' };
    checkStatus(address, response);
    return await readAnswer(response);
  } catch (error) {
    if (error instanceof TrackerError) throw error;
    if (signal?.aborted) throw interrupted(address);
    if (stop.signal.aborted) throw unreachable(address, `no answer within ${patienceMs / 1000} s`);
    return { why: reasonOf(error) };
  } finally {
    clearTimeout(patience);
    stop.abort();
  }
}

async function readAnswer(response: Response): Promise<Answer> {
  // "bytes 0-1023/624846", or "bytes 0-1023/*" where the server does not know
  const range = /^bytes \d+-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  const partial = response.status === 206 && range !== undefined;
  const length = partial ? range : response.headers.get('content-length');
  return {
    length: length === null || !/^\d+$/.test(length) ? undefined : Number(length),
    ranges: partial,
    type: (response.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase(),
    head: await readHead(response),
  };
}

async function readHead({ body }: Response): Promise<Uint8Array> {
  if (!body) return new Uint8Array();
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  const late = sleep(HEAD_MS, undefined, { ref: false });
  for (let bytes = 0; bytes < HEAD_BYTES;) {
    const next = await Promise.race([reader.read().catch(() => undefined), late]);
    if (!next?.value) break;
    parts.push(next.value);
    bytes += next.value.length;
  }
  void reader.cancel().catch(() => undefined);
  return Buffer.concat(parts);
}

/**
 * The whole file, from its first byte.
 * @throws TrackerError VIDEO_UNREADABLE where the server refuses or does not answer; INTERRUPTED
 */
export async function download(address: string, signal?: AbortSignal): Promise<Response> {
  const response = await request(address, signal).catch((cause: unknown) => {
    throw signal?.aborted ? interrupted(address) : unreachable(address, reasonOf(cause), cause);
  });
  checkStatus(address, response);
  return response;
}

/** A name and password in the address go into a header: fetch refuses them where they stand. */
async function request(address: string, signal?: AbortSignal, headers: Record<string, string> = {}): Promise<Response> {
  const url = new URL(address);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const secret = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return fetch(url, {
    // a length of packed bytes would not be that of the file
    headers: { ...headers, 'accept-encoding': 'identity', ...(username ? { authorization: `Basic ${secret}` } : {}) },
    signal: signal ?? null,
  });
}

function wantsDigest(address: string, { status, headers }: Response): boolean {
  return status === 401 && new URL(address).username !== '' && /digest/i.test(headers.get('www-authenticate') ?? '');
}

const REFUSAL_HINTS: Readonly<Record<number, string>> = {
  401: 'the server asks for a name and a password: http://NAME:PASSWORD@HOST/...',
  403: 'the server does not let you in: is the token in the address still valid?',
  404: 'check the address: does it open in a browser?',
  410: 'check the address: does it open in a browser?',
};

function checkStatus(address: string, response: Response): void {
  const { ok, status, statusText } = response;
  if (ok) return;
  void response.body?.cancel().catch(() => undefined);
  throw new TrackerError('VIDEO_UNREADABLE', `video ${address}: the server answers ${status} ${statusText}`.trim(), {
    hint: REFUSAL_HINTS[status] ?? 'try again later, or save the video to a file first',
  });
}

export function unreachable(address: string, why: string, cause?: unknown): TrackerError {
  return new TrackerError('VIDEO_UNREADABLE', `video ${address}: the server cannot be reached: ${why}`, {
    hint: 'check the address and the network',
    cause,
  });
}

export function interrupted(path: string): TrackerError {
  return new TrackerError('INTERRUPTED', `video ${path}: stopped while it was opened`, { hint: 'open it again' });
}

/** fetch says "fetch failed", and the reason beneath. */
export function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error);
}
