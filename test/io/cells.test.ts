import { describe, expect, it } from 'vitest';
import { noNumber, parseNumber, splitCells } from '../../src/io/cells.js';

describe('splitCells', () => {
  it.each<[string, string[], boolean]>([
    ['1,2.5,3', ['1', '2.5', '3'], false],
    [' 1, 2.5 ,3, ', ['1', '2.5', '3'], false],
    ['1;2,5;3', ['1', '2,5', '3'], true],
    ['1;2,5;3;', ['1', '2,5', '3'], true],
    ['1\t2,5\t3', ['1', '2,5', '3'], true],
    ['1 2.5   3', ['1', '2.5', '3'], true],
    ['1,\t2.5,\t-3', ['1', '2.5', '-3'], false],
    ['frame,time,x', ['frame', 'time', 'x'], false],
    ['"1","2,5"', ['1', '2,5'], false],
    ['1,,3', ['1', '', '3'], false],
    ['', [''], true],
  ])('%j', (line, cells, decimalComma) => {
    expect(splitCells(line)).toEqual({ cells, decimalComma });
  });
});

describe('parseNumber', () => {
  it.each([
    ['1', 1],
    ['-0.5', -0.5],
    ['.5', 0.5],
    ['5.', 5],
    ['+1e-3', 0.001],
    ['1E3', 1000],
    ['nan', Number.NaN],
    ['-NaN(ind)', Number.NaN],
    ['inf', Infinity],
    ['-Infinity', -Infinity],
  ])('%s', (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  it.each(['', ' ', 'x', '0x10', '1_000', '1,5', '1 5', '٣', '1e', '--1', 'null', 'infinite'])('%j is none', (text) => {
    expect(parseNumber(text)).toBeUndefined();
  });

  it('takes a decimal comma where it may be one', () => {
    expect(parseNumber('1,5', true)).toBe(1.5);
    expect(parseNumber('1.234,5', true)).toBeUndefined();
    expect(parseNumber('1,234,567', true)).toBeUndefined();
  });

  it('says what is wrong with it', () => {
    expect(noNumber('1.234,5')).toMatch(/thousands/);
    expect(noNumber("1'234")).toMatch(/thousands/);
    expect(noNumber('12,5')).toMatch(/decimal point/);
    expect(noNumber('twelve')).toBe('found "twelve", expected a number');
  });
});
