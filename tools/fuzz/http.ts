/** A request as bytes, sent by hand: a client that follows the protocol could not send what is wrong. */
import net from 'node:net';

export interface Answer {
  /** 0: none came. */
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** Everything that came, further answers too. */
  readonly text: string;
  /** The server ended the line, or its stream of events had begun. */
  readonly ended: boolean;
}

export interface SendOptions {
  /** The line is cut after so many bytes of the request were sent. */
  readonly cutAfter?: number | undefined;
  /** Milliseconds in which the answer has to come. */
  readonly patience: number;
}

/** Resolves when the server ends the line, as it does after "connection: close", when it streams events, or when patience is at an end. */
export function send(port: number, bytes: Uint8Array, { cutAfter, patience }: SendOptions): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = net.connect({ port, host: '127.0.0.1' });
    const finish = (ended: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parseAnswer(Buffer.concat(chunks).toString('latin1'), ended));
    };
    const timer = setTimeout(() => finish(false), patience);
    // a line that is reset is ended too
    socket.on('error', () => undefined);
    socket.on('close', () => finish(true));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (/^HTTP\/1\.1 200 .*\r\ncontent-type: text\/event-stream.*\r\n\r\n.*data: /is.test(chunks.join('')))
        finish(true);
    });
    if (cutAfter === undefined) socket.write(bytes);
    else socket.write(bytes.subarray(0, cutAfter), () => socket.destroy());
  });
}

function parseAnswer(text: string, ended: boolean): Answer {
  // "go on", before the answer itself
  const [head = '', ...rest] = text.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '').split('\r\n\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  const type = /^content-type: (.*)$/im.exec(head)?.[1]?.trim() ?? '';
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  // other answers may follow, to what came behind a damaged request
  const body = rest.join('\r\n\r\n').slice(0, length === undefined ? undefined : Number(length));
  return { status, type, body, text, ended };
}
