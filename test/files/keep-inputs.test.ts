/** Every way in which a name can lead to a file that is read. */
import { closeSync, openSync } from 'node:fs';
import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { keepInputs, type Input } from '../../src/files/keep-inputs.js';
import { temporaryFolder } from '../helpers/video.js';

let folder: string;
const at = (...names: string[]): string => path.join(folder, ...names);

/** d/clip.mp4 is read; beside it lies d/other.mp4, which is not. */
beforeEach(async () => {
  folder = await temporaryFolder();
  await mkdir(at('d'));
  await mkdir(at('e'));
  await writeFile(at('d', 'clip.mp4'), 'clip');
  await writeFile(at('d', 'other.mp4'), 'other');
});

const refusal = expect.objectContaining({ code: 'OPTION_INVALID', hint: expect.any(String) as string }) as Error;

const check = (output: string, input: Input = { what: 'the video', path: at('d', 'clip.mp4') }): Promise<void> =>
  keepInputs([{ what: '--out', path: output }], [input]);

describe('an output that is a file that is read', () => {
  it.each<[string, () => Promise<string>]>([
    ['by its own name', async () => at('d', 'clip.mp4')],
    ['spelled another way', async () => `${at('d')}/../e/.././d//clip.mp4`],
    ['by a link', async () => (await symlink('d/clip.mp4', at('link.mp4')), at('link.mp4'))],
    [
      'by a link to a link',
      async () => {
        await symlink(at('d', 'clip.mp4'), at('first.mp4'));
        await symlink('first.mp4', at('second.mp4'));
        return at('second.mp4');
      },
    ],
    ['in a linked folder', async () => (await symlink('d', at('ld')), at('ld', 'clip.mp4'))],
    ['by a hard link', async () => (await link(at('d', 'clip.mp4'), at('hard.mp4')), at('hard.mp4'))],
    [
      'by a link with .. behind a linked folder',
      async () => {
        await mkdir(at('d', 'sub'));
        await symlink('d/sub', at('short'));
        return `${at('short')}/../clip.mp4`;
      },
    ],
  ])('is refused %s', async (_, name) => {
    await expect(check(await name())).rejects.toEqual(refusal);
  });

  it('is refused where the input is the link', async () => {
    await symlink('d/clip.mp4', at('link.mp4'));
    await expect(check(at('d', 'clip.mp4'), { what: 'the video', path: at('link.mp4') })).rejects.toEqual(refusal);
  });

  it('is refused where the input came by an open file, and where the output goes to one', async () => {
    const descriptor = openSync(at('d', 'clip.mp4'), 'r+');
    try {
      await expect(check(at('d', 'clip.mp4'), { what: 'standard input', path: descriptor })).rejects.toEqual(refusal);
      const appended = keepInputs(
        [{ what: 'standard output', path: descriptor }],
        [{ what: 'the boxes', path: at('d', 'clip.mp4') }],
      );
      await expect(appended).rejects.toThrow('standard output');
    } finally {
      closeSync(descriptor);
    }
  });

  it('names output and input', async () => {
    await symlink('d/clip.mp4', at('link.mp4'));
    const said = new RegExp(`--out .*link.mp4: .*the video .*clip.mp4`);
    await expect(check(at('link.mp4'))).rejects.toThrow(said);
  });
});

describe('an output that is none of them', () => {
  it.each<[string, () => Promise<string>]>([
    ['a new file', async () => at('d', 'new.mp4')],
    ['another file', async () => at('d', 'other.mp4')],
    ['the same name in another folder', async () => at('e', 'clip.mp4')],
    ['a link to another file', async () => (await symlink('d/other.mp4', at('link.mp4')), at('link.mp4'))],
    ['a link to nothing', async () => (await symlink('d/new.mp4', at('link.mp4')), at('link.mp4'))],
    ['a link to itself', async () => (await symlink('round.mp4', at('round.mp4')), at('round.mp4'))],
    ['a file in no folder', async () => at('none', 'clip.mp4')],
    ['a device', async () => '/dev/null'],
  ])('is taken: %s', async (_, name) => {
    await expect(check(await name())).resolves.toBeUndefined();
  });

  it('is taken where the input is not there', async () => {
    const none = { what: 'the video', path: at('none.mp4') };
    await expect(check(at('none.mp4'), none)).resolves.toBeUndefined();
  });
});

describe('a folder that is read', () => {
  const pictures = (): Input => ({ what: 'the video', path: at('d'), takes: (name) => name.endsWith('.jpg') });
  beforeEach(() => writeFile(at('d', '1.jpg'), 'picture'));

  it.each<[string, () => Promise<string>]>([
    ['one of its files', async () => at('d', '1.jpg')],
    ['a file that it would read too', async () => at('d', '2.jpg')],
    ['the same through a linked folder', async () => (await symlink('d', at('ld')), at('ld', '2.jpg'))],
    ['the same by a link to nothing', async () => (await symlink('d/3.jpg', at('boxes.csv')), at('boxes.csv'))],
    ['a hard link to one of its files', async () => (await link(at('d', '1.jpg'), at('x.csv')), at('x.csv'))],
    [
      'what one of its files is a link to',
      async () => {
        await writeFile(at('e', 'kept.jpg'), 'picture');
        await symlink('../e/kept.jpg', at('d', '9.jpg'));
        return at('e', 'kept.jpg');
      },
    ],
  ])('keeps an output out: %s', async (_, name) => {
    await expect(check(await name(), pictures())).rejects.toEqual(refusal);
  });

  it.each<[string, () => string]>([
    ['a file that it does not read', () => at('d', 'boxes.csv')],
    ['a file in a folder below', () => at('d', 'below', '1.jpg')],
    ['a file beside it', () => at('1.jpg')],
  ])('takes: %s', async (_, name) => {
    await expect(check(name(), pictures())).resolves.toBeUndefined();
  });
});

describe('two outputs', () => {
  const both = (a: string, b: string): Promise<void> =>
    keepInputs(
      [
        { what: '--out', path: a },
        { what: '--video', path: b },
      ],
      [],
    );

  it('are refused where they are one file', async () => {
    await symlink('d', at('ld'));
    await symlink('d/new.mp4', at('link.mp4'));
    await link(at('d', 'other.mp4'), at('hard.mp4'));
    await expect(both(at('d', 'a.mp4'), at('ld', 'a.mp4'))).rejects.toThrow(/--video .*: .*same file as --out/);
    await expect(both(at('d', 'new.mp4'), at('link.mp4'))).rejects.toEqual(refusal);
    await expect(both(at('d', 'other.mp4'), at('hard.mp4'))).rejects.toEqual(refusal);
  });

  it('are taken where they are two, and where both are thrown away', async () => {
    await expect(both(at('d', 'a.mp4'), at('d', 'b.mp4'))).resolves.toBeUndefined();
    await expect(both('/dev/null', '/dev/null')).resolves.toBeUndefined();
  });
});
