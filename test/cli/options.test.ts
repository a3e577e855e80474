import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseStart, parseWhole, readConfig } from '../../src/cli/options.js';
import { temporaryFolder } from '../helpers/video.js';

const codeOf = (code: string): object => expect.objectContaining({ code }) as object;

describe('parseStart', () => {
  it.each([
    ['90', { frame: 90 }],
    ['0', { frame: 0 }],
    ['3.5s', { time: 3.5 }],
    ['90s', { time: 90 }],
    ['00:00:03.5', { time: 3.5 }],
    ['1:02:03', { time: 3723 }],
    ['2:30', { time: 150 }],
  ])('%s', (text, start) => expect(parseStart(text)).toEqual(start));

  it.each(['', '-1', '3.5', 's', '1:99', 'a:b', '1:2:3:4', '10f'])('refuses "%s"', (text) => {
    expect(() => parseStart(text)).toThrow(codeOf('OPTION_INVALID'));
  });
});

describe('parseWhole', () => {
  it('reads whole numbers only', () => {
    expect(parseWhole('--seed', '12')).toBe(12);
    for (const text of ['', '-1', '1.5', 'two']) {
      expect(() => parseWhole('--seed', text)).toThrow(codeOf('OPTION_INVALID'));
    }
  });
});

describe('readConfig', () => {
  async function configFile(text: string | Uint8Array): Promise<string> {
    const file = path.join(await temporaryFolder(), 'config.json');
    await writeFile(file, text);
    return file;
  }

  it('lays options over the file, and the file over the defaults', async () => {
    const file = await configFile('{"threads": 3, "seed": 5}');
    expect(await readConfig(file, { seed: 9 })).toMatchObject({ threads: 3, seed: 9, engine: 'onnx' });
  });

  it.each([
    ['no JSON', '{"threads"'],
    ['a list', '[]'],
    ['an unknown field', '{"thread": 2}'],
    ['a value out of range', '{"threads": 0}'],
  ])('refuses %s', async (_, text) => {
    await expect(readConfig(await configFile(text), {})).rejects.toThrow(codeOf('CONFIG_INVALID'));
  });

  it.each([
    ['UTF-16', Buffer.from('\uFEFF{"threads": 3}\r\n', 'utf16le')],
    ['a mark', Buffer.from('\uFEFF{"threads": 3}')],
  ])('reads %s', async (_, bytes) => {
    expect(await readConfig(await configFile(bytes), {})).toMatchObject({ threads: 3 });
  });

  it('says where a file is no text', async () => {
    const bytes = Buffer.from([...Buffer.from('{"threads": 3,\n"head": "'), 0xe9, 0x22, 0x7d]);
    await expect(readConfig(await configFile(bytes), {})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/line 2: found bytes that are no UTF-8/) as string,
    });
  });

  it('tells of a file that is not there', async () => {
    await expect(readConfig('no-such-config.json', {})).rejects.toThrow(codeOf('INPUT_NOT_FOUND'));
  });
});
