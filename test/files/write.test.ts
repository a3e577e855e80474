import { execFile } from 'node:child_process';
import { chmod, link, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { openGrowing } from '../../src/files/growing.js';
import { checkWritable, writeWhole } from '../../src/files/write.js';
import { temporaryFolder } from '../helpers/video.js';

let folder: string;
const at = (...names: string[]): string => path.join(folder, ...names);
beforeEach(async () => {
  folder = await temporaryFolder();
});

const text = (...names: string[]): Promise<string> => readFile(at(...names), 'utf8');
const failed = expect.objectContaining({ code: 'OUTPUT_FAILED' }) as Error;
/** Makes a pipe with a name and reads it to its end. */
async function reader(file: string): Promise<() => Promise<string>> {
  await promisify(execFile)('mkfifo', [file]);
  const reading = readFile(file, 'utf8');
  return () => reading;
}

describe('writeWhole', () => {
  it('replaces a file by another one: who has the old one open keeps it', async () => {
    await writeFile(at('a.csv'), 'older');
    await link(at('a.csv'), at('copy.csv'));
    await writeWhole(at('a.csv'), 'newer');
    expect([await text('a.csv'), await text('copy.csv')]).toEqual(['newer', 'older']);
    expect((await readdir(folder)).toSorted()).toEqual(['a.csv', 'copy.csv']);
  });

  it('keeps a link a link, also one to a file that is not there yet', async () => {
    await mkdir(at('real'));
    await writeFile(at('real', 'a.csv'), 'older');
    for (const name of ['a.csv', 'new.csv']) {
      await symlink(path.join('real', name), at(name));
      await writeWhole(at(name), 'newer');
      expect(await readlink(at(name))).toBe(path.join('real', name));
      expect((await lstat(at('real', name))).isFile()).toBe(true);
      expect(await text('real', name)).toBe('newer');
    }
    expect((await readdir(at('real'))).toSorted()).toEqual(['a.csv', 'new.csv']);
  });

  it('keeps the permissions of the file that was there', async () => {
    await writeFile(at('a.csv'), 'older');
    await chmod(at('a.csv'), 0o600);
    await writeWhole(at('a.csv'), 'newer');
    expect((await stat(at('a.csv'))).mode & 0o777).toBe(0o600);
  });

  it('writes into a pipe and into a device, which stay what they are', async () => {
    const read = await reader(at('pipe'));
    await writeWhole(at('pipe'), 'through');
    expect(await read()).toBe('through');
    expect((await stat(at('pipe'))).isFIFO()).toBe(true);
    await writeWhole('/dev/null', 'away');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it('fails by name, and leaves the old file and nothing else', async () => {
    await mkdir(at('a.csv'));
    await expect(writeWhole(at('a.csv'), 'x')).rejects.toEqual(failed);
    await expect(writeWhole(at('none', 'a.csv'), 'x')).rejects.toThrow('none');
    await expect(writeWhole('/dev/full', 'x')).rejects.toThrow('ENOSPC');
    expect(await readdir(folder)).toEqual(['a.csv']);
  });

  it.each(['a b.csv', "it's [1].csv", `${'long'.repeat(60)}.csv`])('takes any name: %s', async (name) => {
    await writeFile(at(name), 'older');
    await writeWhole(at(name), 'newer');
    expect(await readdir(folder)).toEqual([name]);
    expect(await text(name)).toBe('newer');
  });
});

describe('openGrowing', () => {
  it('shows a new file while it grows, and keeps it whatever happens', async () => {
    const file = await openGrowing(at('a.csv'));
    expect(file.waiting).toBeUndefined();
    await file.append('one\n');
    expect(await text('a.csv')).toBe('one\n');
    await file.append('two\n');
    await file.finish();
    expect(await text('a.csv')).toBe('one\ntwo\n');

    const other = await openGrowing(at('b.csv'));
    await other.append('one\n');
    expect(await other.keep()).toBe(at('b.csv'));
    expect(await text('b.csv')).toBe('one\n');
  });

  it('grows beside an older file, which stays until the new one is whole', async () => {
    await writeFile(at('a.csv'), 'older');
    await chmod(at('a.csv'), 0o640);
    const file = await openGrowing(at('a.csv'));
    await file.append('one\n');
    expect([await text('a.csv'), await text('a.csv.partial')]).toEqual(['older', 'one\n']);
    expect(file.waiting).toBe(at('a.csv.partial'));
    await file.finish();
    expect(await readdir(folder)).toEqual(['a.csv']);
    expect(await text('a.csv')).toBe('one\n');
    expect((await stat(at('a.csv'))).mode & 0o777).toBe(0o640);
  });

  it('keeps both after a failure, and what earlier runs have left', async () => {
    await writeFile(at('a.csv'), 'older');
    for (const name of ['a.csv.partial', 'a.csv.partial2']) {
      const file = await openGrowing(at('a.csv'));
      await file.append(`${name}\n`);
      expect(await file.keep()).toBe(at(name));
    }
    expect((await readdir(folder)).toSorted()).toEqual(['a.csv', 'a.csv.partial', 'a.csv.partial2']);
    expect([await text('a.csv'), await text('a.csv.partial')]).toEqual(['older', 'a.csv.partial\n']);
    const last = await openGrowing(at('a.csv'));
    await last.append('whole\n');
    await last.finish();
    expect([await text('a.csv'), await text('a.csv.partial2')]).toEqual(['whole\n', 'a.csv.partial2\n']);
  });

  it('leaves nothing where nothing was written', async () => {
    await writeFile(at('a.csv'), 'older');
    expect(await (await openGrowing(at('a.csv'))).keep()).toBeUndefined();
    expect(await (await openGrowing(at('b.csv'))).keep()).toBeUndefined();
    expect(await readdir(folder)).toEqual(['a.csv']);
  });

  it('goes through a link: the link stays, and the file waits beside what it leads to', async () => {
    await mkdir(at('real'));
    await writeFile(at('real', 'a.csv'), 'older');
    await symlink('real/a.csv', at('a.csv'));
    const file = await openGrowing(at('a.csv'));
    await file.append('one\n');
    expect(file.waiting).toBe(at('real', 'a.csv.partial'));
    await file.finish();
    expect(await readlink(at('a.csv'))).toBe('real/a.csv');
    expect(await text('real', 'a.csv')).toBe('one\n');
  });

  it('tells where it is kept when it cannot take its place', async () => {
    await writeFile(at('a.csv'), 'older');
    const file = await openGrowing(at('a.csv'));
    await file.append('one\n');
    const { rm } = await import('node:fs/promises');
    await rm(at('a.csv'));
    await mkdir(at('a.csv', 'in the way'), { recursive: true });
    const error = await file.finish().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'OUTPUT_FAILED', hint: expect.stringContaining('a.csv.partial') as string });
    expect(await text('a.csv.partial')).toBe('one\n');
  });

  it('writes into a pipe, and says when its reader has seen enough', async () => {
    const read = await reader(at('pipe'));
    const file = await openGrowing(at('pipe'));
    expect(await file.append('one\n')).toBe(true);
    await file.finish();
    expect(await read()).toBe('one\n');
    const { open } = await import('node:fs/promises');
    const [end, again] = await Promise.all([open(at('pipe'), 'r'), openGrowing(at('pipe'))]);
    await end.close();
    expect(await again.append('two\n')).toBe(false);
    expect(await again.append('three\n')).toBe(false);
    await again.finish();
  });
});

describe('checkWritable', () => {
  it('takes a new file, an old one, a pipe and a device', async () => {
    await writeFile(at('a.csv'), 'older');
    await promisify(execFile)('mkfifo', [at('pipe')]);
    const kinds = [at('new.csv'), at('a.csv'), at('pipe'), '/dev/null'].map((file) => checkWritable(file));
    expect((await Promise.all(kinds)).map(({ kind }) => kind)).toEqual(['new', 'file', 'stream', 'stream']);
    expect(await text('a.csv')).toBe('older');
  });

  it('refuses a folder, and a file in no folder, also behind a link', async () => {
    await symlink('none/a.csv', at('link.csv'));
    for (const file of [folder, at('none', 'a.csv'), at('link.csv')])
      await expect(checkWritable(file)).rejects.toEqual(failed);
  });

  it.skipIf(process.getuid?.() === 0)('refuses a file that may not be written', async () => {
    await writeFile(at('a.csv'), 'older');
    await chmod(at('a.csv'), 0o400);
    await expect(checkWritable(at('a.csv'))).rejects.toEqual(failed);
  });
});
