/** Who may ask: the page itself, and, where the server is reached from outside, only with the token. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from './messages.js';

export interface GuardOptions {
  /** Asked for where the server listens beyond loopback; undefined: loopback only, no token. */
  readonly token: string | undefined;
}

/** 128 bits, as text. */
export function makeToken(): string {
  return randomBytes(16).toString('base64url');
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;
const COOKIE = 'ebm-tracker';
/** Scripts, styles and data from here only; nothing may embed the page. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function addGuard(server: FastifyInstance, { token }: GuardOptions): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': POLICY,
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    const { host, origin } = request.headers;
    // a name that was made to point to this machine is no name of it
    if (token === undefined && !LOOPBACK.test(host ?? '')) return refuse(reply, 'the request names another host');
    if (origin !== undefined && origin !== `http://${host}`)
      return refuse(reply, 'the request comes from another page');
    // pictures and links of other pages come without an origin
    const site = request.headers['sec-fetch-site'];
    const opens = request.headers['sec-fetch-mode'] === 'navigate' && request.url.split('?')[0] === '/';
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !opens) {
      return refuse(reply, 'the request comes from another page');
    }
    if (token !== undefined) return checkToken(request, reply, token);
  });
}

/** By cookie or header; the address that was printed has it as ?token=, and gives the cookie. */
function checkToken(request: FastifyRequest, reply: FastifyReply, token: string): FastifyReply | undefined {
  const url = new URL(request.url, 'http://localhost');
  const cookie = cookieName(request);
  const given = url.searchParams.get('token');
  if (url.pathname === '/' && given !== null && isSame(given, token)) {
    return reply.header('set-cookie', `${cookie}=${token}; HttpOnly; SameSite=Strict; Path=/`).redirect('/');
  }
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const kept = new Map(
    (request.headers.cookie ?? '').split(/; */).map((pair) => pair.split('=', 2) as [string, string]),
  );
  if ([bearer, kept.get(cookie)].some((found) => found !== undefined && isSame(found, token))) return undefined;
  const refusal: Refusal = {
    code: 'TOKEN_MISSING',
    message: 'no token, or a wrong one',
    hint: 'open the address that was printed',
  };
  return reply.code(401).send(refusal);
}

/** Cookies do not know of ports: two servers on one machine need two names. */
const cookieName = ({ headers }: FastifyRequest): string =>
  `${COOKIE}-${/:(\d+)$/.exec(headers.host ?? '')?.[1] ?? 80}`;

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function refuse(reply: FastifyReply, message: string): FastifyReply {
  const refusal: Refusal = { code: 'ORIGIN_REFUSED', message, hint: 'open the page by the address that was printed' };
  return reply.code(403).send(refusal);
}

/** Host and port as in an address. */
export function hostAndPort(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
