/** Servers of our own, on loopback, with the faults that servers have. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Request {
  readonly url: string;
  readonly range: string | undefined;
}

export interface Server {
  /** http://127.0.0.1:PORT */
  readonly origin: string;
  /** What was asked, in order. */
  readonly requests: readonly Request[];
}

export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

/** Ends with the test. */
export async function serve(answer: Answering): Promise<Server> {
  const requests: Request[] = [];
  const server = createServer((request, response) => {
    requests.push({ url: request.url ?? '', range: request.headers.range });
    response.on('error', () => undefined);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** Gives any part that is asked for. */
export function inParts(bytes: Buffer, type = 'video/mp4'): Answering {
  return (request, response) => {
    const { first, last, status } = partOf(request, bytes);
    response.writeHead(status, headersOf(first, last, bytes, type)).end(bytes.subarray(first, last + 1));
  };
}

/** Each answer that goes beyond `place` breaks there: the first `times` of them. */
export function breaking(bytes: Buffer, place: number, times = Infinity, type = 'video/mp4'): Answering {
  let broken = 0;
  return (request, response) => {
    const { first, last, status } = partOf(request, bytes);
    response.writeHead(status, headersOf(first, last, bytes, type));
    if (last < place || broken >= times) return void response.end(bytes.subarray(first, last + 1));
    broken++;
    if (first >= place) return void response.destroy();
    response.write(bytes.subarray(first, place), () => response.destroy());
  };
}

/** The whole, whatever is asked for. */
export function asWhole(bytes: Buffer, type = 'video/mp4'): Answering {
  return (_, response) => {
    response.writeHead(200, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
  };
}

/** The whole, without a word on its length. */
export function unmeasured(bytes: Buffer, type = 'application/octet-stream'): Answering {
  return (_, response) => {
    response.writeHead(200, { 'content-type': type });
    response.write(bytes.subarray(0, 100));
    response.end(bytes.subarray(100));
  };
}

/** A folder's files, in parts. */
export function folder(path: string): Answering {
  return (request, response) => {
    const file = new URL(request.url ?? '', 'http://localhost').pathname;
    readFile(path + file).then(
      (bytes) => inParts(bytes, 'application/octet-stream')(request, response),
      () => response.writeHead(404).end(),
    );
  };
}

function partOf({ headers }: IncomingMessage, bytes: Buffer) {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  return {
    first: Number(first ?? 0),
    last: Math.min(bytes.length - 1, last ? Number(last) : Infinity),
    status: first === undefined ? 200 : 206,
  };
}

function headersOf(first: number, last: number, bytes: Buffer, type: string): Record<string, string | number> {
  return {
    'content-type': type,
    'content-length': last + 1 - first,
    'content-range': `bytes ${first}-${last}/${bytes.length}`,
    'accept-ranges': 'bytes',
  };
}
