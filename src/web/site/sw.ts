/**
 * The service worker of the static page: answers from its cache, asks nobody but the page's own host, and isolates the page. Files of models
 * are left to the page, which checks and keeps them itself (src/browser/store.ts). FILES and VERSION are filled in by `ebm-tracker web`.
 */
import { HEADERS } from '../site-headers.js';

declare const FILES: readonly string[];
declare const VERSION: string;

/** The part of a service worker's global names that is used; a page's types do not have them. */
interface Scope {
  addEventListener(
    type: 'install' | 'activate',
    listener: (event: { waitUntil(work: Promise<unknown>): void }) => void,
  ): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  readonly registration: { readonly scope: string; readonly active: object | null };
}
interface FetchEvent {
  readonly request: Request;
  respondWith(answer: Response | Promise<Response>): void;
}

const scope = globalThis as unknown as Scope;
const PREFIX = 'ebm-tracker-page-';
const NAME = PREFIX + VERSION;
const MODEL = /\.(onnx|safetensors)$/;

scope.addEventListener('install', (event) => {
  const fill = async (): Promise<void> => {
    const cache = await caches.open(NAME);
    await cache.addAll(FILES.map((file) => new Request(new URL(file, scope.registration.scope), { cache: 'reload' })));
    // a page that is open goes on with the files that it began with
    if (!scope.registration.active) await scope.skipWaiting();
  };
  event.waitUntil(fill());
});

scope.addEventListener('activate', (event) => {
  const take = async (): Promise<void> => {
    for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
    await scope.clients.claim();
  };
  event.waitUntil(take());
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const own = request.url.startsWith(scope.registration.scope);
  if (origin !== location.origin) event.respondWith(Response.error());
  else if (own && request.method === 'GET' && !MODEL.test(pathname)) event.respondWith(answer(request));
});

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  const key = request.url.split(/[?#]/)[0]!;
  const kept = await cache.match(key);
  if (kept) return isolated(kept);
  const fresh = await fetch(request);
  // where there is no room, it is fetched again the next time
  if (fresh.status === 200) await cache.put(key, fresh.clone()).catch(() => undefined);
  return isolated(fresh);
}

/** The same answer with the page's policy. */
function isolated(response: Response): Response {
  if (response.type === 'error' || response.type === 'opaque' || response.redirected) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
