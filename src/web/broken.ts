/** Answers malformed HTTP in the JSON form of all other errors. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Refusal } from './messages.js';

const TYPE = 'application/json; charset=utf-8';
const HINT = 'reload the page';
/** HTTP status by code of Node's parser and timers; everything else is 400. */
const STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };
const MESSAGES: Readonly<Record<number, string>> = {
  400: 'the request is damaged: it is no HTTP',
  408: 'the request took too long to arrive',
  431: 'the head of the request is too long',
};

/** Answers bytes that are no HTTP request. They are written to the socket, since fastify has no reply for them. */
export function answerBroken({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = STATUS[code] ?? 400;
  const body = refusal(MESSAGES[status]!);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** "Expect:" of anything but 100-continue, which Node would answer without a word. */
export function refuseExpectations({ server }: FastifyInstance): void {
  server.on('checkExpectation', (_, response) => {
    const body = refusal('the request expects what this server does not do');
    const headers = { 'content-type': TYPE, 'content-length': Buffer.byteLength(body), connection: 'close' };
    response.writeHead(417, headers).end(body);
  });
}

const refusal = (message: string): string =>
  JSON.stringify({ code: 'REQUEST_INVALID', message, hint: HINT } satisfies Refusal);
