/** A page that tracks by itself: a bundle of src/browser, the models that ship, onnxruntime-web, and what else a test has. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { build } from 'esbuild';

const ROOT = path.join(import.meta.dirname, '../..');
const FOLDERS: Readonly<Record<string, string>> = {
  models: path.join(ROOT, 'models'),
  examples: path.join(ROOT, 'examples'),
  node_modules: path.join(ROOT, 'node_modules'),
};
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.html': 'text/html; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.mp4': 'video/mp4',
  '.svg': 'image/svg+xml',
};
const NONCE = 'import-map';
const PAGE = `<!doctype html><title>tracker</title><script type="importmap" nonce="${NONCE}">${JSON.stringify({
  imports: { 'onnxruntime-web/wasm': '/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs' },
})}</script><script type="module" src="/page.js"></script>`;
/** The page may talk to nobody else, and may not make code of texts. */
const POLICY =
  "default-src 'none'; connect-src 'self'; media-src 'self' blob:; worker-src 'self'; img-src *; " +
  `script-src 'self' 'nonce-${NONCE}' 'wasm-unsafe-eval'`;
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** src/browser as one script, with onnxruntime-web left out. */
export async function bundleOf(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [path.join(ROOT, entry)],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    external: ['onnxruntime-web'],
    write: false,
  });
  return outputFiles[0]!.contents;
}

export interface PageServer {
  readonly url: string;
  /** Paths that were asked for, in their order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** @param files what is served beside the page, by its path */
export async function servePage(
  isolated: boolean,
  files: Readonly<Record<string, () => Promise<Uint8Array> | Uint8Array>>,
): Promise<PageServer> {
  const asked: string[] = [];
  const headers = isolated ? ISOLATED : {};
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const place = new URL(request.url ?? '/', 'http://localhost').pathname;
    asked.push(place);
    const content = await contentOf(place).catch(() => undefined);
    // an example's script stands in its page
    const policy = place.startsWith('/examples/') ? {} : { 'content-security-policy': POLICY };
    const type = TYPES[place === '/' ? '.html' : path.extname(place)] ?? 'application/octet-stream';
    const length = content?.length ?? 0;
    response.writeHead(content ? 200 : 404, { ...headers, ...policy, 'content-type': type, 'content-length': length });
    response.end(content);
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    close: () => closed(server),
  };

  async function contentOf(place: string): Promise<Uint8Array> {
    if (place === '/') return Buffer.from(PAGE);
    // every browser asks for it
    if (place === '/favicon.ico') return new Uint8Array();
    const made = files[place];
    if (made) return made();
    const [, folder = '', ...rest] = place.split('/');
    const root = FOLDERS[folder];
    if (root === undefined) throw new Error('not there');
    return readFile(path.join(root, ...rest));
  }
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => void server.close(() => resolve()));
}
