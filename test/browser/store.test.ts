import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { browserSha256, createModelStore, type ModelProgress, type StoreOptions } from '../../src/browser/store.js';

const FILE = 'http://localhost/models/a.onnx';
const BYTES = new Uint8Array([1, 2, 3, 4]);
const SHA = createHash('sha256').update(BYTES).digest('hex');

/** The part of Cache that is used. */
function memoryCache(kept = new Map<string, Uint8Array>()) {
  return {
    kept,
    match: async (key: string) => kept.get(key) && new Response(kept.get(key)!.slice()),
    keys: async () => [...kept.keys()].map((url) => ({ url })),
    delete: async (key: string) => kept.delete(key),
    put: async (key: string, response: Response) => void kept.set(key, new Uint8Array(await response.arrayBuffer())),
  };
}

function openStore(more: Partial<StoreOptions> & { cache?: ReturnType<typeof memoryCache> } = {}) {
  const { cache = memoryCache(), ...options } = more;
  const fetched: string[] = [];
  const progress: ModelProgress[] = [];
  const store = createModelStore({
    fetch: async (address) => {
      fetched.push(address);
      return new Response(BYTES.slice(), { headers: { 'content-length': '4' } });
    },
    openCache: async () => cache as unknown as Cache,
    sha256: browserSha256,
    onProgress: (at) => progress.push(at),
    ...options,
  });
  store.expect(new Map([[FILE, SHA]]));
  return { store, cache, fetched, progress };
}

it('fetches a file once, tells how far it has come, and keeps it under its sha256', async () => {
  const { store, cache, fetched, progress } = openStore();
  expect(await Promise.all([store.readFile(FILE), store.readFile(FILE)])).toEqual([BYTES, BYTES]);
  expect(fetched).toEqual([FILE]);
  expect(progress).toEqual([{ file: FILE, loaded: 4, total: 4, cached: false }]);
  expect([...cache.kept.keys()]).toEqual([`${FILE}?sha256=${SHA}`]);

  const second = openStore({ cache });
  expect(await second.store.readFile(FILE)).toEqual(BYTES);
  expect(second.fetched).toEqual([]);
  expect(second.progress).toEqual([{ file: FILE, loaded: 4, total: 4, cached: true }]);
});

it('puts a file in the place of an older one, and fetches anew what was damaged', async () => {
  const other = 'http://localhost/models/b.onnx?sha256=1';
  const old = { [`${FILE}?sha256=0`]: BYTES, [`${FILE}?sha256=${SHA}`]: new Uint8Array([9]), [other]: BYTES };
  const { store, cache, fetched } = openStore({ cache: memoryCache(new Map(Object.entries(old))) });
  expect(await store.readFile(FILE)).toEqual(BYTES);
  expect(fetched).toEqual([FILE]);
  expect(Object.fromEntries(cache.kept)).toEqual({ [`${FILE}?sha256=${SHA}`]: BYTES, [other]: BYTES });
});

it('keeps nothing that is not what was described', async () => {
  const { store, cache } = openStore({ fetch: async () => new Response(new Uint8Array([7])) });
  expect(await store.readFile(FILE)).toEqual(new Uint8Array([7]));
  expect(cache.kept.size).toBe(0);
});

it('goes on without a cache that fails, and says so', async () => {
  const { store } = openStore({ openCache: () => Promise.reject(new Error('quota')) });
  expect(await store.readFile(FILE)).toEqual(BYTES);
  expect(store.faults).toEqual(['cache: not used (quota)']);
});

it('says what the server answers', async () => {
  const fetch = async () => new Response(null, { status: 404, statusText: 'Not Found' });
  await expect(openStore({ fetch }).store.readFile(FILE)).rejects.toThrow('the server answers 404 Not Found');
});
