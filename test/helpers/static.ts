/** A static host: files of a folder, and no header that they do not need. */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface StaticHost {
  /** Ends in a slash; the page is not at the host's root, as on many hosts. */
  readonly url: string;
  /** Names of files that were asked for, in their order. */
  readonly asked: string[];
  close(): Promise<void>;
}

const BELOW = '/some/where/';

export async function serveFolder(folder: string, headers: Readonly<Record<string, string>> = {}): Promise<StaticHost> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const name = pathname.startsWith(BELOW) ? pathname.slice(BELOW.length) || 'index.html' : '';
    asked.push(name);
    void answer(name, response);
  });
  const answer = async (name: string, response: ServerResponse): Promise<void> => {
    const content = await readFile(path.join(folder, name)).catch(() => undefined);
    const type = TYPES[path.extname(name)] ?? 'application/octet-stream';
    const length = content?.length ?? 0;
    response
      .writeHead(content ? 200 : 404, { ...headers, 'content-type': type, 'content-length': length })
      .end(content);
  };
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BELOW}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
