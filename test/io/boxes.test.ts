import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CSV_HEADER, formatHead, formatRow, parseBoxes, type BoxFormat, type BoxRow } from '../../src/io/boxes.js';
import { formatOf, readBoxes } from '../../src/io/boxes-file.js';
import { temporaryFolder } from '../helpers/video.js';

const FORMATS = ['csv', 'jsonl'] as const;
const codeOf = (code: string): object => expect.objectContaining({ code }) as object;

const thousandths = fc.integer({ min: -5_000_000, max: 5_000_000 }).map((n) => n / 1000);
const rows = fc.array(
  fc.record({
    frame: fc.nat(1_000_000),
    time: fc.nat(2_000_000_000).map((n) => n / 1e6),
    box: fc.record({ x: thousandths, y: thousandths, w: thousandths, h: thousandths }),
    confidence: fc.nat(10_000).map((n) => n / 1e4),
    state: fc.constantFrom('tracking', 'uncertain', 'lost', 'found'),
  }),
);

function format(values: readonly BoxRow[], kind: BoxFormat): string {
  return formatHead(kind) + values.map((row) => formatRow(row, kind)).join('');
}

describe('box files', () => {
  it.each(FORMATS)('%s: what is written is read', (kind) => {
    fc.assert(
      fc.property(rows, (values) => {
        expect(parseBoxes(format(values, kind), kind, 'text')).toEqual(values);
      }),
    );
  });

  it.each(FORMATS)('%s: rows of several objects have an id each', (kind) => {
    const row: BoxRow = {
      frame: 3,
      time: 0.1,
      id: 7,
      box: { x: 1, y: 2, w: 3, h: 4 },
      confidence: 0.5,
      state: 'found',
    };
    const values = [row, { ...row, id: 0 }];
    const text = formatHead(kind, true) + values.map((value) => formatRow(value, kind)).join('');
    expect(parseBoxes(text, kind, 'text')).toEqual(values);
    if (kind === 'csv') expect(text.split('\n')[1]).toBe('3,0.1,7,1,2,3,4,0.5,found');
    expect(() => parseBoxes(text.replace(/7/, '-7'), kind, 'text')).toThrow(codeOf('DATA_INVALID'));
  });

  it('writes this header and this row', () => {
    const row: BoxRow = {
      frame: 3,
      time: 0.1001001,
      box: { x: 1 / 3, y: -0.00001, w: 20, h: 1234.5678 },
      confidence: 0.98765,
      state: 'found',
    };
    expect(format([row], 'csv')).toBe(
      'frame,time,x,y,w,h,confidence,state\n3,0.1001,0.333,0,20,1234.568,0.9877,found\n',
    );
    expect(JSON.parse(format([row], 'jsonl'))).toEqual({
      frame: 3,
      time: 0.1001,
      x: 0.333,
      y: 0,
      w: 20,
      h: 1234.568,
      confidence: 0.9877,
      state: 'found',
    });
  });

  it('reads files with Windows line ends', () => {
    expect(parseBoxes(`${CSV_HEADER}\r\n0,0,1,2,3,4,1,tracking\r\n`, 'csv', 'a.csv')).toHaveLength(1);
  });

  const wanted: BoxRow = {
    frame: 3,
    time: 0.12,
    box: { x: 1.5, y: -2, w: 30, h: 4 },
    confidence: 0.5,
    state: 'found',
  };
  it.each([
    ['semicolons and decimal commas', 'frame;time;x;y;w;h;confidence;state\n3;0,12;1,5;-2;30;4;0,5;found\n'],
    ['tabs', 'frame\ttime\tx\ty\tw\th\tconfidence\tstate\n3\t0.12\t1.5\t-2\t30\t4\t0.5\tfound\n'],
    [
      'quotes',
      '"frame","time","x","y","w","h","confidence","state"\r\n"3","0.12","1.5","-2","30","4","0.5","found"\r\n',
    ],
    ["Excel's first line", 'sep=;\r\nframe;time;x;y;w;h;confidence;state\r\n3;0,12;1,5;-2;30;4;5e-1;found\r\n'],
    ['a mark and blank lines', `\uFEFF${CSV_HEADER}\n\n 3 , 0.12 , 1.5,-2,30,4,.5,found \n   \n\n`],
    ['line ends of old Macs', `${CSV_HEADER}\r3,0.12,1.5,-2,3e1,4,0.5,found\r`],
    ['a comma at the end', `${CSV_HEADER},\n3,0.12,1.5,-2,30,4,0.5,found,\n`],
  ])('csv: reads %s', (_, text) => {
    expect(parseBoxes(text, 'csv', 'a.csv')).toEqual([wanted]);
  });

  it('jsonl: reads a mark, blank lines and Windows line ends', () => {
    const text = `\uFEFF\r\n${formatRow(wanted, 'jsonl').trim()}\r\n  \r\n`;
    expect(parseBoxes(text, 'jsonl', 'a.jsonl')).toEqual([wanted]);
  });

  const good = '0,0,1,2,3,4,1,tracking';
  it.each([
    ['another header', `a,b\n${good}\n`, 1],
    ['too few fields', `${CSV_HEADER}\n${good}\n1,0,1,2\n`, 3],
    ['a word for a number', `${CSV_HEADER}\n0,0,x,2,3,4,1,tracking\n`, 2],
    ['an empty number', `${CSV_HEADER}\n0,0,,2,3,4,1,tracking\n`, 2],
    ['NaN', `${CSV_HEADER}\n0,0,NaN,2,3,4,1,tracking\n`, 2],
    ['an unknown state', `${CSV_HEADER}\n0,0,1,2,3,4,1,gone\n`, 2],
    ['half a frame', `${CSV_HEADER}\n0.5,0,1,2,3,4,1,lost\n`, 2],
    ['an infinite number', `${CSV_HEADER}\n${good}\n1,0,inf,2,3,4,1,lost\n`, 3],
    ['a hexadecimal number', `${CSV_HEADER}\n0x1,0,1,2,3,4,1,lost\n`, 2],
    ['decimal commas between commas', `${CSV_HEADER}\n0,0,1,5,2,5,3,4,1,lost\n`, 2],
    ['thousands separators', 'frame;time;x;y;w;h;confidence;state\n0;0;1.234,5;2;3;4;1;lost\n', 2],
  ])('csv: names the line of %s', (_, text, line) => {
    expect(() => parseBoxes(text, 'csv', 'a.csv')).toThrow(codeOf('DATA_INVALID'));
    expect(() => parseBoxes(text, 'csv', 'a.csv')).toThrow(`line ${line}:`);
  });

  it.each([
    ['a line that was cut off', '{"frame":0,"ti'],
    ['a list', '[1,2]'],
    ['a missing field', '{"frame":0,"time":0,"x":1,"y":2,"w":3,"h":4,"state":"lost"}'],
    ['a number as text', '{"frame":"0","time":0,"x":1,"y":2,"w":3,"h":4,"confidence":1,"state":"lost"}'],
  ])('jsonl: names the line of %s', (_, line) => {
    const first = formatRow(
      { frame: 0, time: 0, box: { x: 1, y: 2, w: 3, h: 4 }, confidence: 1, state: 'tracking' },
      'jsonl',
    );
    expect(() => parseBoxes(first + line, 'jsonl', 'a.jsonl')).toThrow(codeOf('DATA_INVALID'));
    expect(() => parseBoxes(first + line, 'jsonl', 'a.jsonl')).toThrow('line 2:');
  });

  it('reads a file by its ending', async () => {
    const file = path.join(await temporaryFolder(), 'boxes.CSV');
    await writeFile(file, `${CSV_HEADER}\n${good}\n`);
    expect(await readBoxes(file)).toMatchObject([{ frame: 0, box: { x: 1, y: 2, w: 3, h: 4 } }]);
    await expect(readBoxes(path.join(path.dirname(file), 'none.csv'))).rejects.toThrow(codeOf('INPUT_NOT_FOUND'));
    expect(() => formatOf('boxes.txt')).toThrow(codeOf('OPTION_INVALID'));
  });
});
