/** The service worker: after the first visit the page needs no network, and is isolated on hosts that send no such headers. */

/** Cores from which on the networks would have several threads (src/browser/runtime.ts). */
const CORES = 3;
/** Milliseconds that a service worker is waited for: a browser may refuse one without a word. */
const PATIENCE_MS = 5000;
const TRIED = 'ebm-tracker-isolated';

/**
 * Settles when the page may begin. Never rejects.
 * @returns why the page does not work offline; undefined: it does
 */
export async function goOffline(): Promise<string | undefined> {
  if (!('serviceWorker' in navigator)) return 'offline: this browser has no service worker for this page';
  try {
    await Promise.race([start(), late()]);
  } catch (error) {
    return `offline: not without network (${error instanceof Error ? error.message : String(error)})`;
  }
  // the answers of the service worker isolate the page, this one came without them
  if (!crossOriginIsolated && navigator.hardwareConcurrency >= CORES && sessionStorage.getItem(TRIED) === null) {
    sessionStorage.setItem(TRIED, '1');
    location.reload();
    await new Promise(() => undefined);
  }
  return undefined;
}

async function late(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  throw new Error('the service worker does not start');
}

async function start(): Promise<void> {
  await navigator.serviceWorker.register('sw.js');
  await navigator.serviceWorker.ready;
  if (navigator.serviceWorker.controller) return;
  await new Promise<void>((resolve) => {
    navigator.serviceWorker.addEventListener('controllerchange', () => resolve(), { once: true });
    // a page that was reloaded past its service worker has none
    setTimeout(resolve, 2000);
  });
}
