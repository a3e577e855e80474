/** Files of models in a browser: fetched once, kept in the browser's cache under their sha256. */
import { messageOf, TrackerError } from '../errors.js';

/** How far a file has come. */
export interface ModelProgress {
  /** Its address. */
  readonly file: string;
  /** Bytes that are here. */
  readonly loaded: number;
  /** Bytes of the file; undefined where the server does not say. */
  readonly total: number | undefined;
  /** True: it came from the browser's cache. */
  readonly cached: boolean;
}

export interface ModelStore {
  /** All bytes of a file, each file fetched once. Whether they are those that were described is for the caller to check. */
  readFile(address: string): Promise<Uint8Array>;
  /** From now on, files with these sha256 are looked for in the cache and kept there. */
  expect(sha256s: ReadonlyMap<string, string>): void;
  /** Faults of the cache: one sentence, or none where all went well. */
  readonly faults: readonly string[];
  /** Lets go of the bytes. */
  forget(): void;
}

/** The parts of the browser that it asks. */
export interface StoreOptions {
  readonly fetch: (address: string) => Promise<Response>;
  /** Left out where nothing is to be kept. */
  readonly openCache: (() => Promise<Cache>) | undefined;
  readonly sha256: (bytes: Uint8Array) => Promise<string>;
  readonly onProgress: (progress: ModelProgress) => void;
}

export function createModelStore({ fetch, openCache, sha256, onProgress }: StoreOptions): ModelStore {
  const read = new Map<string, Promise<Uint8Array>>();
  const faults: string[] = [];
  let expected: ReadonlyMap<string, string> = new Map();
  return {
    readFile(address) {
      const known = read.get(address) ?? load(address);
      read.set(address, known);
      return known;
    },
    expect: (sha256s) => void (expected = sha256s),
    faults,
    forget: () => read.clear(),
  };

  async function load(address: string): Promise<Uint8Array> {
    const sha = expected.get(address);
    const cache = sha === undefined ? undefined : await tryCache(() => openCache?.());
    if (sha === undefined || cache === undefined) return download(address);
    const key = keyOf(address, sha);
    const kept = await tryCache(async () => (await cache.match(key))?.arrayBuffer());
    const bytes = kept && new Uint8Array(kept);
    if (bytes && (await sha256(bytes)) === sha) {
      onProgress({ file: address, loaded: bytes.length, total: bytes.length, cached: true });
      return bytes;
    }
    const fetched = await download(address);
    if ((await sha256(fetched)) === sha) await tryCache(() => keep(cache, key, fetched));
    return fetched;
  }

  /** A cache that fails costs time, and nothing else. */
  async function tryCache<T>(action: () => Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      const fault = `cache: not used (${messageOf(error)})`;
      if (!faults.includes(fault)) faults.push(fault);
      return undefined;
    }
  }

  async function download(address: string): Promise<Uint8Array> {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`.trimEnd());
    return readAll(response, (loaded, total) => onProgress({ file: address, loaded, total, cached: false }));
  }
}

function keyOf(address: string, sha256: string): string {
  const key = new URL(address);
  key.searchParams.set('sha256', sha256);
  return key.href;
}

/** Puts it in the place of what was kept of the same file before. */
async function keep(cache: Cache, key: string, bytes: Uint8Array): Promise<void> {
  const place = ({ origin, pathname }: URL): string => origin + pathname;
  for (const { url } of await cache.keys()) {
    if (url !== key && place(new URL(url)) === place(new URL(key))) await cache.delete(url);
  }
  await cache.put(key, new Response(bytes as Uint8Array<ArrayBuffer>));
}

async function readAll(
  { body, headers }: Response,
  onBytes: (loaded: number, total: number | undefined) => void,
): Promise<Uint8Array> {
  const said = Number(headers.get('content-length') ?? 0);
  // the length that is said of a compressed answer is that of the compressed bytes
  const total = said > 0 && !headers.has('content-encoding') ? said : undefined;
  const parts: Uint8Array[] = [];
  let loaded = 0;
  const reader = body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    parts.push(part.value);
    loaded += part.value.length;
    onBytes(loaded, total !== undefined && loaded > total ? undefined : total);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** 64 lower-case hexadecimal digits. @throws TrackerError RUNTIME_UNAVAILABLE where the browser has no hashes for this page */
export async function browserSha256(bytes: Uint8Array): Promise<string> {
  // `subtle` is left out where a page is no secure context, whatever its type says
  const subtle = (globalThis.crypto as Partial<Crypto> | undefined)?.subtle;
  if (!subtle)
    throw new TrackerError('RUNTIME_UNAVAILABLE', 'page: no secure context, so that no model can be checked', {
      hint: 'serve the page by https, or from http://localhost',
    });
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
