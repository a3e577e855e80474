/** AUC against speed of the presets, as a picture: `npm run figures` writes it to docs/speed.svg. */
import { framesPerSecond, isOfShippedHead, readResult, speedCell, type ValResult } from '../../tools/lib/figures.js';

const RESULTS = { fast: 'result-fast.json', default: 'result-val.json' };
/** Trackers on the same sequences, whose speed was not measured here. */
const LEVELS = ['NanoTrack V3', 'CSRT'];
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
    parts.push(text(MARGIN.left - 8, up(auc) + 4, auc.toFixed(2), 'text-anchor="end"'));
  }
  for (let fps = SPEED.from; fps <= SPEED.to; fps += SPEED.step)
    parts.push(text(across(fps), HEIGHT - MARGIN.bottom + 18, String(fps), 'text-anchor="middle"'));
  parts.push(text((MARGIN.left + end) / 2, HEIGHT - 8, 'frames a second, 1280 x 720', 'text-anchor="middle"'));
  parts.push(text(8, 14, 'AUC'));
  const { val } = readResult<{ val: Record<string, readonly number[]> }>('benchmarks/val/recorded.json');
  for (const name of LEVELS) {
    const auc = val[name]![0]!;
    parts.push(line(MARGIN.left, up(auc), end, up(auc), 'stroke="#777" stroke-dasharray="6 4"'));
    parts.push(text(MARGIN.left + 6, up(auc) - 5, `${name} (speed not measured)`, 'fill="#555"'));
  }
  return parts;
}

function points(): string[] {
  return Object.entries(RESULTS).flatMap(([preset, file], i) => {
    const result = readResult<ValResult>(`benchmarks/val/${file}`);
    const { auc } = result.mean;
    const [x, y] = [across(framesPerSecond(speedCell(SIZE, preset))), up(auc)];
    const label = `${preset} ${auc.toFixed(3)}${isOfShippedHead(result) ? '' : ' (earlier head)'}`;
    // names of neighbours lie above and below
    return [
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5" fill="#0072b2"/>`,
      text(x, i % 2 === 0 ? y - 10 : y + 20, label, 'text-anchor="middle"'),
    ];
  });
}

/** The picture as SVG. */
export function speedPlot(): string {
  const frame = `width="${WIDTH}" height="${HEIGHT}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${frame} font-family="sans-serif" font-size="12">`,
    `<rect ${frame} fill="#fff"/>`,
    ...axes(),
    ...points(),
    '</svg>',
    '',
  ].join('\n');
}
