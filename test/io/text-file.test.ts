import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAX_TEXT_BYTES, readTextFile } from '../../src/io/text-file.js';
import { decodeText, splitLines } from '../../src/io/text.js';
import { temporaryFolder } from '../helpers/video.js';

const bytesOf = (...parts: (string | readonly number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const wide = (text: string): Buffer => Buffer.from(text, 'utf16le');

describe('decodeText', () => {
  it.each([
    ['UTF-8', bytesOf('größe, 1')],
    ['UTF-8 with a mark', bytesOf('\uFEFFgröße, 1')],
    ['UTF-16, little end first', wide('\uFEFFgröße, 1')],
    ['UTF-16, big end first', wide('\uFEFFgröße, 1').swap16()],
    ['UTF-16 without a mark', wide('größe, 1')],
    ['UTF-16 without a mark, big end first', wide('größe, 1').swap16()],
  ])('%s', (_, bytes) => {
    expect(decodeText(bytes, 'x')).toBe('größe, 1');
  });

  it('takes the encoding that XML declares, where it is not UTF-8', () => {
    const head = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<a>';
    expect(decodeText(bytesOf(head, [0xe9], '</a>'), 'x')).toBe(`${head}é</a>`);
    expect(decodeText(bytesOf(head, 'é</a>'), 'x')).toBe(`${head}é</a>`);
  });

  it.each([
    ['bytes of Latin-1', bytesOf('1,2\n3,4\nv', [0xe9], 'lo,5\n'), /x, line 3: found bytes that are no UTF-8/],
    ['half a character at the end', bytesOf('1\n2\n', [0xc3]), /x, line 3: found bytes/],
    ['zero bytes', bytesOf('1,2\r\n3,', [0], '4\r\n'), /x, line 2: found a zero byte/],
    ['half of UTF-16', bytesOf([0xff, 0xfe, 49, 0, 50]), /x: found broken UTF-16LE/],
    ['UTF-32', bytesOf([0xff, 0xfe, 0, 0, 49, 0, 0, 0]), /x: found text in UTF-32/],
    ['a ZIP archive', bytesOf('PK', [3, 4], 'annotations.xml'), /x: found a ZIP archive/],
    ['a gzip archive', bytesOf([0x1f, 0x8b, 8, 0]), /x: found a gzip archive/],
  ])('refuses %s with its place', (_, bytes, message) => {
    const expected = { code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string };
    expect(() => decodeText(bytes, 'x', 'CONFIG_INVALID')).toThrowError(expect.objectContaining(expected));
  });

  it('reads nothing as nothing', () => {
    expect(decodeText(new Uint8Array(), 'x')).toBe('');
  });
});

describe('readTextFile', () => {
  it('refuses what is not there, a folder, and more than fits into memory', async () => {
    const folder = await temporaryFolder();
    const kind = { what: 'boxes', hint: 'look again' };
    await expect(readTextFile(path.join(folder, 'none'), kind)).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
      hint: 'look again',
    });
    await expect(readTextFile(folder, kind)).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
      message: expect.stringContaining('a folder') as string,
    });
    const large = path.join(folder, 'large.csv');
    await writeFile(large, '');
    await truncate(large, MAX_TEXT_BYTES + 1); // a hole: no disk is filled
    await expect(readTextFile(large, kind)).rejects.toMatchObject({
      code: 'DATA_INVALID',
      message: expect.stringMatching(/more than 128 MB/) as string,
    });
  });
});

it('splits lines of all systems', () => {
  expect(splitLines('a\nb\r\nc\rd\n')).toEqual(['a', 'b', 'c', 'd', '']);
});
