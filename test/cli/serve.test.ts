import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { cli, createTestTerminal, type TestTerminal } from '../helpers/terminal.js';
import { makeNumberedVideo, temporaryFolder } from '../helpers/video.js';

async function makeClip(): Promise<string> {
  const file = path.join(await temporaryFolder(), 'a.mp4');
  await makeNumberedVideo(file, { frames: 5 });
  return file;
}

/** The address that was printed. */
async function printedUrl(terminal: TestTerminal): Promise<string> {
  await expect.poll(() => terminal.err()).toMatch(/^open http\S+/);
  return /^open (\S+)/.exec(terminal.err())![1]!;
}

const pickAt = (url: string, frame: number): Promise<Response> =>
  fetch(new URL('/api/pick', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ frame, box: { x: 10.126, y: 8, w: 12.5, h: 10 } }),
  });

describe('pick', () => {
  it('prints the box that was drawn, and ends', async () => {
    const terminal = createTestTerminal();
    const run = runCli(['pick', await makeClip(), '--port', '0'], terminal);
    expect((await pickAt(await printedUrl(terminal), 0)).status).toBe(200);
    expect(await run).toBe(0);
    expect(terminal.out()).toBe('10.13,8,12.5,10\n');
  });

  it('says which frame it was drawn in', async () => {
    const terminal = createTestTerminal();
    const run = runCli(['pick', await makeClip(), '--port', '0'], terminal);
    await pickAt(await printedUrl(terminal), 3);
    expect(await run).toBe(0);
    expect(terminal.err()).toContain('--start 3');
  });

  it('ended by Ctrl-C has no box: INTERRUPTED', async () => {
    const terminal = createTestTerminal();
    const run = runCli(['pick', await makeClip(), '--port', '0'], terminal);
    await printedUrl(terminal);
    process.emit('SIGINT');
    expect(await run).toBe(1);
    expect(terminal.out()).toBe('');
    expect(terminal.err()).toContain('error INTERRUPTED');
  });
});

describe('serve', () => {
  it('listens until Ctrl-C', async () => {
    const terminal = createTestTerminal();
    const run = runCli(['serve', path.dirname(await makeClip()), '--port', '0'], terminal);
    const url = await printedUrl(terminal);
    const files = (await (await fetch(new URL('/api/files', url))).json()) as { files: { path: string }[] };
    expect(files.files.map((file) => file.path)).toEqual(['a.mp4']);
    process.emit('SIGINT');
    expect(await run).toBe(0);
    expect(terminal.out()).toBe('');
    await delay(1);
    await expect(fetch(new URL('/api/files', url))).rejects.toThrow();
  });

  it.each([
    ['a folder that is not there', ['serve', '/none/at/all'], 'INPUT_NOT_FOUND', 2],
    ['a port of letters', ['serve', '.', '--port', 'http'], 'OPTION_INVALID', 2],
    ['an address of another machine', ['serve', '.', '--host', '192.0.2.1', '--port', '0'], 'SERVER_FAILED', 1],
    ['a video that is not there', ['pick', 'none.mp4'], 'INPUT_NOT_FOUND', 2],
  ])('%s: %o', async (_, args, code, exitCode) => {
    const result = await cli(...args);
    expect([result.exitCode, /^error (\w+)/.exec(result.err)?.[1]]).toEqual([exitCode, code]);
  });
});
