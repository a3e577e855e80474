import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { assert, constantFrom, nat, pre, property } from 'fast-check';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeSequenceResult, type Annotated } from '../../../src/evaluation/results.js';
import { makePack, type Run } from '../../../src/evaluation/submit/pack.js';
import { findServer } from '../../../src/evaluation/submit/servers.js';
import { validatePack } from '../../../src/evaluation/submit/validate.js';
import { cli } from '../../helpers/terminal.js';

const SEQUENCES: Annotated[] = ['a', 'b', 'c'].map((name, k) => ({
  name,
  truth: Float64Array.from({ length: 4 * (4 + (k % 2)) }, (_, i) => (i < 4 ? [10 + 60 * k, 20, 30.125, 40][i]! : NaN)),
}));

const runOf = (shift: number): Run =>
  new Map(
    SEQUENCES.map(({ name, truth }) => [
      name,
      {
        boxes: truth.map((_, i) => truth[i % 4]! + (i < 4 ? 0 : shift + i / 7)),
        seconds: Float64Array.from({ length: truth.length / 4 }, (_, i) => 0.01 * (i + 1) + shift / 100),
      },
    ]),
  );

const NAMES = SEQUENCES.map(({ name }) => name);
const server = { trackingnet: findServer('trackingnet'), got10k: findServer('got10k'), lasot: findServer('lasot') };
const CASES = [
  { at: server.trackingnet, runs: [runOf(0)] },
  { at: server.got10k, runs: [runOf(0)] },
  { at: server.got10k, runs: [runOf(0), runOf(0.5), runOf(1)] },
  { at: server.lasot, runs: [runOf(0)] },
];

const text = (pack: Uint8Array, file: string): string => new TextDecoder().decode(unzipSync(pack)[file]);

test('TrackingNet takes VIDEO.txt at the root, commas, two decimals', () => {
  const pack = makePack(server.trackingnet, NAMES, [runOf(0)]);
  expect(Object.keys(unzipSync(pack))).toEqual(['a.txt', 'b.txt', 'c.txt']);
  expect(text(pack, 'a.txt').split('\n').slice(0, 2)).toEqual(['10.00,20.00,30.13,40.00', '10.57,20.71,30.98,41.00']);
});

test('GOT-10k takes SEQ/SEQ_001.txt of three decimals a run, and the seconds of all runs in columns', () => {
  const pack = makePack(server.got10k, NAMES, [runOf(0), runOf(1)]);
  expect(Object.keys(unzipSync(pack)).slice(0, 3)).toEqual(['a/a_001.txt', 'a/a_002.txt', 'a/a_time.txt']);
  expect(text(pack, 'a/a_001.txt').split('\n')[1]).toBe('10.571,20.714,30.982,41.000');
  expect(text(pack, 'a/a_time.txt').split('\n')[0]).toBe('0.01000000,0.02000000');
});

test('the same results give the same bytes, and never a negative zero', () => {
  expect(makePack(server.lasot, NAMES, [runOf(0)])).toEqual(makePack(server.lasot, NAMES, [runOf(0)]));
  const run = new Map([['a', { boxes: Float64Array.of(-0.001, -0, 3, 4) }]]);
  expect(text(makePack(server.trackingnet, ['a'], [run]), 'a.txt')).toBe('0.00,0.00,3.00,4.00\n');
});

test('a server that takes times refuses results without them, naming the sequence', () => {
  const run: Run = new Map([...runOf(0)].map(([name, { boxes }]) => [name, { boxes }]));
  expect(() => makePack(server.got10k, NAMES, [run])).toThrow(/sequence a: found no seconds/);
});

describe.each(CASES)('the validator, $at.name with $runs.length run(s)', ({ at, runs }) => {
  const pack = makePack(at, NAMES, runs);
  const files = unzipSync(pack);
  const paths = Object.keys(files);
  const problems = (changed: Record<string, Uint8Array>): string[] => validatePack(zipSync(changed), at, SEQUENCES);
  const edit = (file: string, change: (text: string) => string): string[] =>
    problems({ ...files, [file]: strToU8(change(text(pack, file))) });
  const boxes = at.files('b', runs.length)[0]!.path;

  test('finds nothing wrong with what makePack makes', () => {
    expect(validatePack(pack, at, SEQUENCES)).toEqual([]);
    expect(validatePack(pack, at, SEQUENCES, runs)).toEqual([]);
  });

  test.each(paths)('misses %s where it is not there', (file) => {
    const { [file]: _, ...rest } = files;
    expect(problems(rest).join()).toContain(`${file}: missing`);
    // under another name
    expect(problems({ ...rest, [`x/${file}`]: files[file]! })).toEqual(
      expect.arrayContaining([`x/${file}: not expected`, `${file}: missing`]),
    );
  });

  test.each([
    ['a line too few', (all: string) => all.slice(all.indexOf('\n') + 1), /found 4 lines, expected 5/],
    ['a line too many', (all: string) => all + all.slice(all.lastIndexOf('\n', all.length - 2) + 1), /found 6 lines/],
    ['no end of the last line', (all: string) => all.slice(0, -1), /not ended/],
    ['nothing', () => '', /not ended/],
    ['a blank line', (all: string) => all.replace('\n', '\n\n'), /line 2: found 1 numbers, expected 4/],
    ['not a number', (all: string) => all.replace(/^[^,]+/, 'NaN'), /line 1: found "NaN"/],
    ['infinity', (all: string) => all.replace(/[^,\n]+\n$/, 'inf\n'), /line 5: found "inf"/],
    ['an exponent', (all: string) => all.replace(/^[^,]+/, '1e2'), /found "1e2"/],
    ['decimals lost', (all: string) => all.replace(/0,/, ','), /expected a number of/],
    ['a decimal comma', (all: string) => all.replace('.', ','), /found 5 numbers/],
    ['tabs', (all: string) => all.replaceAll(',', '\t'), /found 1 numbers/],
    ['blanks after commas', (all: string) => all.replaceAll(',', ', '), /expected a number of/],
    ['carriage returns', (all: string) => all.replaceAll('\n', '\r\n'), /expected a number of/],
    ['a byte-order mark', (all: string) => `\uFEFF${all}`, /expected a number of/],
    ['a header', (all: string) => `x,y,w,h\n${all}`, /found "x"/],
    ['three columns', (all: string) => all.replace(/,[^,\n]+\n/, '\n'), /found 3 numbers/],
    ['a negative width', (all: string) => all.replace(/,(\d[^,]*),([^,\n]+)\n$/, ',-$1,$2\n'), /not negative/],
    ['a number far outside any image', (all: string) => all.replace(/^/, '123456'), /expected a number of/],
    [
      'corners in place of sizes',
      (all: string) => all.replace(/^[^\n]+/, all.split('\n')[0]!.replace(/^(\d+)/, '7$1')),
      /given box/,
    ],
  ] as const)('refuses %s', (_, change, message) => {
    expect(edit(boxes, change).join()).toMatch(message);
  });

  test('refuses the rows of another sequence', () => {
    const [a, c] = [at.files('a', 1)[0]!.path, at.files('c', 1)[0]!.path];
    const swapped = problems({ ...files, [a]: files[c]!, [c]: files[a]! });
    expect(swapped).toHaveLength(2);
    expect(swapped.join()).toContain('expected the given box');
  });

  test('refuses bytes that are no text, and an archive that is cut or none', () => {
    expect(problems({ ...files, [boxes]: Uint8Array.of(0xff, 0xfe, 10) }).join()).toContain(`${boxes}: no text`);
    expect(validatePack(pack.subarray(0, pack.length / 2), at, SEQUENCES)[0]).toContain('no zip file');
    expect(validatePack(strToU8('hello'), at, SEQUENCES)[0]).toContain('no zip file');
  });

  test('with the results at hand, refuses any change of any character', () => {
    const alphabet = [...'0123456789.,-\n\r\t eN'];
    assert(
      property(constantFrom(...paths), nat(), constantFrom(...alphabet), (file, place, character) => {
        const before = text(pack, file);
        const i = place % before.length;
        pre(before[i] !== character);
        const after = before.slice(0, i) + character + before.slice(i + 1);
        const changed = zipSync({ ...files, [file]: strToU8(after) });
        return validatePack(changed, at, SEQUENCES, runs).length > 0;
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

test('refuses a run too few of GOT-10k, and negative seconds', () => {
  const pack = makePack(server.got10k, NAMES, [runOf(0), runOf(1)]);
  const { 'b/b_002.txt': _, ...rest } = unzipSync(pack);
  expect(validatePack(zipSync(rest), server.got10k, SEQUENCES)).toEqual(['b/b_002.txt: missing']);
  const late = strToU8(text(pack, 'a/a_time.txt').replace('0.01', '-0.01'));
  expect(validatePack(zipSync({ ...unzipSync(pack), 'a/a_time.txt': late }), server.got10k, SEQUENCES)).toEqual([
    'a/a_time.txt, line 1: found -0.01 seconds',
  ]);
});

test('refuses a file that is there twice', () => {
  const pack = makePack(server.trackingnet, ['a', 'b', 'c'], [runOf(0)]);
  // the name of the second entry overwritten by that of the first, in its header and in the directory
  const twice = Uint8Array.from(
    Buffer.from(Buffer.from(pack).toString('latin1').replaceAll('b.txt', 'a.txt'), 'latin1'),
  );
  expect(validatePack(twice, server.trackingnet, SEQUENCES)).toEqual(
    expect.arrayContaining(['a.txt: is there twice', 'b.txt: missing']),
  );
});

describe('evaluate --submit', () => {
  let folder = '';
  const at = (...parts: string[]): string => path.join(folder, ...parts);
  const names = Array.from({ length: 180 }, (_, i) => `GOT-10k_Test_${String(i + 1).padStart(6, '0')}`);

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ebm-submit-'));
    await mkdir(at('test'));
    await writeFile(at('test', 'list.txt'), `${names.join('\n')}\n`);
    for (const name of names) {
      await mkdir(at('test', name));
      await writeFile(at('test', name, 'groundtruth.txt'), '1.0,2.0,30.0,40.0\n');
      for (const i of [1, 2]) await writeFile(at('test', name, `0000000${i}.jpg`), '');
      const boxes = Float64Array.of(1, 2, 30, 40, 2, 3, 30, 40);
      await writeSequenceResult(at('out', 'ebm-tracker', 'got10k-test', 'seed-11'), name, {
        boxes,
        seconds: Float64Array.of(0.1, 0.05),
      });
    }
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const run = (...args: string[]): ReturnType<typeof cli> => cli('evaluate', '--submit', ...args);

  test('packs what evaluate has written, and looks at the pack', async () => {
    const made = await run('got10k', '--root', folder, '--out', at('out'));
    expect(made).toMatchObject({ exitCode: 0, err: '' });
    expect(made.out).toContain('got10k.zip: 180 sequences, 1 run(s)');
    const pack = await readFile(at('out', 'got10k.zip'));
    expect(text(pack, `${names[0]}/${names[0]}_001.txt`)).toBe(
      '1.000,2.000,30.000,40.000\n2.000,3.000,30.000,40.000\n',
    );
    const checked = await run('got10k', '--root', folder, '--check', at('out', 'got10k.zip'));
    expect(checked).toMatchObject({ exitCode: 0, err: '' });
    expect(checked.out).toContain('nothing wrong');
  });

  test('tells what is missing, what is wrong, and what is not known', async () => {
    await rm(at('out', 'ebm-tracker', 'got10k-test', 'seed-11', `${names[4]}.txt`));
    const missing = await run('got10k', '--root', folder, '--out', at('out'));
    expect(missing.exitCode).toBe(1);
    expect(missing.err).toContain(`1 sequences have no result: ${names[4]}`);
    expect(missing.err).toContain('ebm-tracker evaluate got10k-test --root');

    await writeFile(at('bad.zip'), zipSync({ 'readme.md': strToU8('hello') }));
    const bad = await run('got10k', '--root', folder, '--check', at('bad.zip'));
    expect(bad.exitCode).toBe(1);
    expect(bad.err).toContain('readme.md: not expected');
    expect(bad.err).toContain('and 351 more');

    const none = await run('got10k', '--root', folder, '--check', at('none.zip'));
    expect(none.err).toContain('none.zip');
    const four = await run('got10k', '--root', folder, '--seeds', '1,2,3,4');
    expect(four).toMatchObject({ exitCode: 2 });
    expect(four.err).toContain('found 4 runs, expected at most 3');
    expect((await run('vot', '--root', folder)).err).toContain('expected one of: trackingnet, got10k, lasot');

    await writeFile(at('test', 'list.txt'), `${names.slice(1).join('\n')}\n`);
    expect((await run('got10k', '--root', folder)).err).toContain('found 179 sequences');
  });
});
