/** A server that listens, and the address to open. */
import { messageOf, TrackerError } from '../errors.js';
import { hostAndPort, makeToken } from './guard.js';
import { createServer, type WebOptions } from './server.js';

export interface ListenOptions extends Omit<WebOptions, 'token'> {
  /** Left out: loopback, without a token. */
  readonly host?: string | undefined;
  /** 0: any that is free. Left out: the usual one, or any where that is taken. */
  readonly port?: number | undefined;
}

export interface WebServer {
  /** With the token, where one is needed. */
  readonly url: string;
  /** Ends all tracking. */
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
export const USUAL_PORT = 8642;
/** Wildcard addresses. */
const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** @throws TrackerError SERVER_FAILED where it cannot listen there; those of createServer */
export async function listen({ host, port, ...options }: ListenOptions): Promise<WebServer> {
  const token = host === undefined ? undefined : makeToken();
  const server = await createServer({ ...options, ...(token !== undefined && { token }) });
  const address = host ?? LOOPBACK;
  const tryPort = (number: number): Promise<string> => server.listen({ host: address, port: number });
  try {
    if (port === undefined) await tryPort(USUAL_PORT).catch(() => tryPort(0));
    else await tryPort(port);
  } catch (cause) {
    await server.close();
    throw new TrackerError(
      'SERVER_FAILED',
      `cannot listen on ${hostAndPort(address, port ?? 0)}: ${messageOf(cause)}`,
      {
        hint: 'give another with --port or --host; --port 0 takes any that is free',
        cause,
      },
    );
  }
  const found = server.server.address();
  const actual = typeof found === 'object' && found ? found.port : 0;
  const shown = ANY_ADDRESS.includes(address) ? 'localhost' : address;
  return {
    url: `http://${hostAndPort(shown, actual)}/${token === undefined ? '' : `?token=${token}`}`,
    close: () => server.close(),
  };
}
