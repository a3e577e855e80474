/** A camera of our own: an ffmpeg child that streams a clip in real time, behind a server that can stall and cut the line. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { findBinaries } from '../../src/video/binaries.js';

export interface Camera {
  readonly url: string;
  /** Nothing is sent any more until resume(); what ffmpeg made in the meantime is lost, as a camera's picture is. */
  stall(): void;
  resume(): void;
  /** Every line is broken; new ones are taken. */
  cut(): void;
  close(): Promise<void>;
}

/** @param source ffmpeg's input options and its name; it is sent in real time, again and again */
export async function startCamera(source: readonly string[], format = 'mpegts'): Promise<Camera> {
  const { ffmpeg } = await findBinaries();
  const encoder = [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-tune',
    'zerolatency',
    '-g',
    '10',
    '-pix_fmt',
    'yuv420p',
  ];
  const args = ['-v', 'error', '-nostdin', '-re', ...source, ...encoder, '-f', format, '-flush_packets', '1', 'pipe:1'];
  const sockets = new Set<Socket>();
  const children = new Set<ChildProcess>();
  let stalled = false;
  // each line has a stream of its own, from the beginning of the clip
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const child = spawn(ffmpeg.path, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    child.stdout.on('data', (chunk: Buffer) => {
      if (!stalled) socket.write(chunk);
    });
    child.stdout.on('end', () => socket.end());
    const end = (): void => {
      sockets.delete(socket);
      children.delete(child);
      child.kill('SIGKILL');
    };
    socket.on('close', end);
    socket.on('error', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `tcp://127.0.0.1:${port}`,
    stall() {
      stalled = true;
    },
    resume() {
      stalled = false;
    },
    cut,
    async close() {
      cut();
      for (const child of children) child.kill('SIGKILL');
      server.close();
      await once(server, 'close');
    },
  };
}
