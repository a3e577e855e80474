/**
 * The camera of the live benchmark, in a process of its own: 640 x 360 at 25 frames a second, each frame with its number in it. Tells its parent
 * the address, and when it handed a frame to the encoder; is silent for some seconds when told so.
 *
 *   tsx sender.ts CLIP mpegts|flv|rtsp
 */
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import net, { type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { findBinaries } from '../../src/video/binaries.js';
import { openVideo } from '../../src/video/read.js';
import { FPS, HEIGHT, now, stamp, WIDTH } from './stamp.js';

export type FromSender = { url: string } | { sent: number; at: number };
export interface ToSender {
  silentSeconds: number;
}

const [clip = '', format = 'mpegts'] = process.argv.slice(2);
const { ffmpeg } = await findBinaries();
const tell = (message: FromSender): void => void process.send!(message);
const frames: Uint8Array[] = [];
for await (const { data } of (await openVideo(clip)).frames()) frames.push(data);

const raw = [
  '-f',
  'rawvideo',
  '-pix_fmt',
  'rgb24',
  '-video_size',
  `${WIDTH}x${HEIGHT}`,
  '-framerate',
  String(FPS),
  '-i',
  'pipe:0',
];
const encoder = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-tune',
  'zerolatency',
  '-g',
  String(FPS),
  '-threads',
  '1',
  '-pix_fmt',
  'yuv420p',
];

let silentUntil = 0;
let number = 0;
process.on('message', ({ silentSeconds }: ToSender) => (silentUntil = now() + 1000 * silentSeconds));
process.on('disconnect', () => process.exit());

/** Sends for ever: forth and back through the clip. */
function feed(target: NodeJS.WritableStream): void {
  const began = now();
  let tick = 0;
  const step = (): void => {
    const turn = tick % (2 * frames.length - 2);
    const data = Uint8Array.from(frames[turn < frames.length ? turn : 2 * frames.length - 2 - turn]!);
    tick++;
    if (now() >= silentUntil) {
      stamp(data, number);
      tell({ sent: number, at: now() });
      target.write(data);
      number++;
    }
    setTimeout(step, Math.max(0, began + (1000 * tick) / FPS - now()));
  };
  step();
}

function startEncoder(output: readonly string[]): ReturnType<typeof spawn> {
  const child = spawn(ffmpeg.path, ['-v', 'error', ...raw, ...encoder, ...output], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin!.on('error', () => process.exit()); // the line is gone
  feed(child.stdin!);
  return child;
}

async function serve(onLine: (socket: Socket) => void): Promise<number> {
  const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    onLine(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

/** As cameras do it: RTP packets through the line of the session. */
async function serveRtsp(): Promise<string> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ebm-tracker-live-'));
  const file = path.join(folder, 'stream.sdp');
  const packets = dgram.createSocket('udp4');
  packets.bind(0, '127.0.0.1');
  await once(packets, 'listening');
  const playing = new Set<Socket>();
  packets.on('message', (packet) => {
    const head = Buffer.from([0x24, 0, packet.length >> 8, packet.length & 255]);
    for (const socket of playing) socket.write(Buffer.concat([head, packet]));
  });
  const rtp = `rtp://127.0.0.1:${packets.address().port}?rtcpport=${packets.address().port + 1}&pkt_size=1300`;
  startEncoder(['-f', 'rtp', '-sdp_file', file, rtp]);
  while ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0)
    await new Promise((done) => setTimeout(done, 20));
  await new Promise((done) => setTimeout(done, 100));
  const sdp = `${readFileSync(file, 'utf8')
    .replace(/^SDP:\s*/, '')
    .replace(/m=video \d+/, 'm=video 0')
    .trimEnd()}\r\na=control:track0\r\n`;
  rmSync(folder, { recursive: true });
  const port = await serve((socket) => {
    let text = '';
    socket.on('close', () => playing.delete(socket));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const request = text.slice(text.search(/[A-Z_]+ rtsp:/), end);
        text = text.slice(end + 4);
        const [method] = request.split(' ');
        const answer = ['RTSP/1.0 200 OK', `CSeq: ${/CSeq: *(\d+)/i.exec(request)?.[1]}`];
        if (method === 'OPTIONS') answer.push('Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN');
        if (method === 'DESCRIBE')
          answer.push('Content-Type: application/sdp', `Content-Length: ${Buffer.byteLength(sdp)}`);
        if (method === 'SETUP') answer.push('Session: 1', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1');
        if (method === 'PLAY') answer.push('Session: 1');
        socket.write(`${answer.join('\r\n')}\r\n\r\n${method === 'DESCRIBE' ? sdp : ''}`);
        if (method === 'PLAY') playing.add(socket);
      }
    });
  });
  return `rtsp://127.0.0.1:${port}/camera`;
}

/** A packet that tells its length is whole when its last byte is here; one that does not, when the next one begins: a frame time later. */
const TELL_LENGTH = ['-omit_video_pes_length', '0'];

async function serveBytes(): Promise<string> {
  const muxer = format === 'mpegts' ? TELL_LENGTH : [];
  const port = await serve((socket) => {
    const child = startEncoder(['-f', format, ...muxer, '-flush_packets', '1', 'pipe:1']);
    child.stdout!.pipe(socket);
    socket.on('close', () => child.kill('SIGKILL'));
  });
  return `tcp://127.0.0.1:${port}`;
}

tell({ url: format === 'rtsp' ? await serveRtsp() : await serveBytes() });
