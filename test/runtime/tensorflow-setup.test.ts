/** The parts of tools/native-tensorflow.ts that unpack and check. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractMember, unpackTfjsNode } from '../../tools/native-tensorflow.js';

let folder: string;
let archive: string;
const content = Buffer.from('a library\n'.repeat(50_000));
const sha256 = createHash('sha256').update(content).digest('hex');

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'ebm-tracker-'));
  archive = path.join(folder, 'tiny.whl');
  const files = {
    'pkg/first.txt': strToU8('first'),
    'pkg/lib.so.2': [content, { level: 6, extra: { 1234: new Uint8Array(7) }, comment: 'c' }],
    'pkg/stored.so.2': [content, { level: 0 }],
  } as const;
  await writeFile(archive, zipSync(files as unknown as Parameters<typeof zipSync>[0], { comment: 'a comment' }));
});

afterEach(() => rm(folder, { recursive: true }));

async function refuse(member: string, hash: string): Promise<void> {
  const target = path.join(folder, 'lib.so.2');
  await expect(extractMember(archive, member, hash, target)).rejects.toMatchObject({ code: 'DATA_INVALID' });
  expect(await readdir(folder)).toEqual(['tiny.whl']); // nothing half done is left
}

describe('a zip archive', () => {
  it.each(['pkg/lib.so.2', 'pkg/stored.so.2'])('gives %s', async (member) => {
    const target = path.join(folder, 'lib.so.2');
    await extractMember(archive, member, sha256, target);
    expect(content.equals(await readFile(target))).toBe(true);
    expect((await readdir(folder)).toSorted()).toEqual(['lib.so.2', 'tiny.whl']);
  });

  it('refuses another sha256', () => refuse('pkg/lib.so.2', '0'.repeat(64)));

  it('refuses a member that is not there', () => refuse('pkg/none.so.2', sha256));

  it('refuses broken data', async () => {
    const bytes = await readFile(archive);
    const start = bytes.indexOf('pkg/lib.so.2');
    bytes.fill(0xff, start + 40, start + 180);
    await writeFile(archive, bytes);
    await refuse('pkg/lib.so.2', sha256);
  });

  it('refuses a truncated file', async () => {
    await writeFile(archive, (await readFile(archive)).subarray(0, 500));
    await refuse('pkg/lib.so.2', sha256);
  });
});

describe('a tar archive', () => {
  it('unpacks the JavaScript of a package whose hash is right, else nothing', async () => {
    const packed = path.join(folder, 'package.tgz');
    const target = path.join(folder, 'tfjs-node');
    await mkdir(path.join(folder, 'package/dist/kernels'), { recursive: true });
    for (const file of ['package.json', 'binding.gyp', 'dist/a.js', 'dist/a.d.ts', 'dist/kernels/b.js'])
      await writeFile(path.join(folder, 'package', file), 'x'.repeat(1000));
    await promisify(execFile)('tar', ['-czf', packed, '-C', folder, 'package']);
    await rm(path.join(folder, 'package'), { recursive: true });
    await expect(unpackTfjsNode(packed, target)).rejects.toMatchObject({ code: 'DATA_INVALID' });
    expect((await readdir(folder)).toSorted()).toEqual(['package.tgz', 'tiny.whl']);
    const hash = createHash('sha512').update(await readFile(packed));
    await unpackTfjsNode(packed, target, hash.digest('base64'));
    const files = (await readdir(target, { recursive: true })).toSorted();
    expect(files).toEqual(['dist', 'dist/a.js', 'dist/kernels', 'dist/kernels/b.js', 'package.json']);
  });
});
