/** The parts of tools/native-tensorflow.ts that unpack and check. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractMember, readTar, readZipDirectory, unpackTfjsNode } from '../../tools/native-tensorflow.js';

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
  it('lists its members', async () => {
    const names = (await readZipDirectory(archive)).map(({ name }) => name);
    expect(names).toEqual(['pkg/first.txt', 'pkg/lib.so.2', 'pkg/stored.so.2']);
  });

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
    const [, entry] = await readZipDirectory(archive);
    bytes.fill(0xff, entry!.offset + 60, entry!.offset + 200);
    await writeFile(archive, bytes);
    await refuse('pkg/lib.so.2', sha256);
  });

  it('refuses a truncated file', async () => {
    await writeFile(archive, (await readFile(archive)).subarray(0, 500));
    await refuse('pkg/lib.so.2', sha256);
  });
});

/** One file in the ustar format. */
function tarFile(name: string, text: string, prefix = ''): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('0', 156);
  header.write('ustar\0', 257);
  header.write(prefix, 345);
  const body = Buffer.alloc(Math.ceil(text.length / 512) * 512);
  body.write(text);
  return Buffer.concat([header, body]);
}

describe('a tar archive', () => {
  const tar = Buffer.concat([
    tarFile('package/package.json', '{}'),
    tarFile('package/dist/a.js', 'x'.repeat(1000)),
    tarFile('b.js', 'b', 'package/dist/kernels'),
    tarFile('package/binding.gyp', 'no'),
    Buffer.alloc(1024),
  ]);

  it('gives its files', () => {
    const files = [...readTar(tar)].map(({ name, content }) => [name, content.length]);
    expect(files).toEqual([
      ['package/package.json', 2],
      ['package/dist/a.js', 1000],
      ['package/dist/kernels/b.js', 1],
      ['package/binding.gyp', 2],
    ]);
  });

  it('unpacks the JavaScript of a package whose hash is right, else nothing', async () => {
    const packed = path.join(folder, 'package.tgz');
    const target = path.join(folder, 'tfjs-node');
    await writeFile(packed, gzipSync(tar));
    await expect(unpackTfjsNode(packed, target)).rejects.toMatchObject({ code: 'DATA_INVALID' });
    expect((await readdir(folder)).toSorted()).toEqual(['package.tgz', 'tiny.whl']);
    const hash = createHash('sha512').update(await readFile(packed));
    await unpackTfjsNode(packed, target, hash.digest('base64'));
    const files = (await readdir(target, { recursive: true })).toSorted();
    expect(files).toEqual(['dist', 'dist/a.js', 'dist/kernels', 'dist/kernels/b.js', 'package.json']);
  });
});
