/**
 * AUC against speed of the presets, as a picture: frames a second of `track` on a file of 1280 x 720 once it has begun, and the AUC on the
 * validation sequences.
 *
 *   npx tsx benchmarks/speed/plot.ts      reads benchmarks/speed/result.json and benchmarks/val/, writes docs/speed.svg
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

interface Speed {
  readonly machine: string;
  readonly cores: number;
  readonly cells: readonly {
    readonly clip: string;
    readonly preset: string;
    readonly threads: number;
    readonly process: { readonly rows: number; readonly total: number; readonly firstBox: number };
  }[];
}

const BENCHMARKS = path.join(import.meta.dirname, '..');
const read = <T>(file: string): T => JSON.parse(readFileSync(path.join(BENCHMARKS, file), 'utf8')) as T;
const RESULTS = { fast: 'result-fast.json', default: 'result-val.json' };
/** Of other trackers on the same sequences, whose speed was not measured here. */
const LEVELS = [
  ['NanoTrack V3', 0.707],
  ['CSRT', 0.615],
] as const;
const SIZE = '720p';
const [WIDTH, HEIGHT] = [640, 320];
const MARGIN = { left: 56, right: 24, top: 30, bottom: 44 };
const AUC = { from: 0.6, to: 0.8, step: 0.05 };
const SPEED = { from: 0, to: 100, step: 20 };

const across = (fps: number): number =>
  MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * (fps - SPEED.from)) / (SPEED.to - SPEED.from);
const up = (auc: number): number =>
  HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * (auc - AUC.from)) / (AUC.to - AUC.from);
const text = (x: number, y: number, words: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${words}</text>`;
const line = (x1: number, y1: number, x2: number, y2: number, more: string): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${more}/>`;

function axes(): string[] {
  const parts: string[] = [];
  const end = WIDTH - MARGIN.right;
  for (let auc = AUC.from; auc <= AUC.to + 1e-9; auc += AUC.step) {
    parts.push(line(MARGIN.left, up(auc), end, up(auc), 'stroke="#ddd"'));
    parts.push(text(MARGIN.left - 8, up(auc) + 4, auc.toFixed(2).slice(1), 'text-anchor="end"'));
  }
  for (let fps = SPEED.from; fps <= SPEED.to; fps += SPEED.step)
    parts.push(text(across(fps), HEIGHT - MARGIN.bottom + 18, String(fps), 'text-anchor="middle"'));
  parts.push(text((MARGIN.left + end) / 2, HEIGHT - 8, 'frames a second, 1280 x 720', 'text-anchor="middle"'));
  parts.push(text(8, 14, 'AUC'));
  for (const [name, auc] of LEVELS) {
    parts.push(line(MARGIN.left, up(auc), end, up(auc), 'stroke="#777" stroke-dasharray="6 4"'));
    parts.push(text(MARGIN.left + 6, up(auc) - 5, `${name} (speed not measured)`, 'fill="#555"'));
  }
  return parts;
}

function points(): string[] {
  const { cells } = read<Speed>('speed/result.json');
  return Object.entries(RESULTS).flatMap(([preset, file], i) => {
    const { auc } = read<{ mean: { auc: number } }>(`val/${file}`).mean;
    const cell = cells.find(({ clip, preset: other, threads }) => clip === SIZE && other === preset && threads === 2)!;
    const { rows, total, firstBox } = cell.process;
    const [x, y] = [across((rows - 1) / (total - firstBox)), up(auc)];
    const label = `${preset} ${auc.toFixed(3).slice(1)}`;
    // names of neighbours lie above and below
    return [
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5" fill="#0072b2"/>`,
      text(x, i % 2 === 0 ? y - 10 : y + 20, label, 'text-anchor="middle"'),
    ];
  });
}

const frame = `width="${WIDTH}" height="${HEIGHT}"`;
const svg = [
  `<svg xmlns="http://www.w3.org/2000/svg" ${frame} font-family="sans-serif" font-size="12">`,
  `<rect ${frame} fill="#fff"/>`,
  ...axes(),
  ...points(),
  '</svg>',
  '',
].join('\n');
writeFileSync(path.join(BENCHMARKS, '../docs/speed.svg'), svg);
