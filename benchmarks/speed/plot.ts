/** AUC against speed of the presets, as a picture: `npm run figures` writes it to docs/speed.svg. */
import { createPlot, ticksOf, type Range } from '../../src/drawing/plot.js';
import { framesPerSecond, isOfShippedHead, readResult, speedCell, type ValResult } from '../../tools/lib/figures.js';

const RESULTS = { fast: 'result-fast.json', default: 'result-val.json' };
/** Trackers on the same sequences, whose speed was not measured here. */
const LEVELS = ['NanoTrack V3', 'CSRT'];
const SIZE = '720p';
const [WIDTH, HEIGHT] = [640, 320];
const FIELD = { left: 56, right: 616, top: 30, bottom: 276 };
const AUC: Range = [0.6, 0.8];
const SPEED: Range = [0, 100];
const PLOT = createPlot(FIELD, SPEED, AUC);

const text = (x: number, y: number, words: string, more = ''): string =>
  `<text x="${x}" y="${Number(y.toFixed(1))}"${more === '' ? '' : ` ${more}`}>${words}</text>`;

function axes(): string[] {
  return [
    PLOT.rows(
      ticksOf(AUC, 5, (auc) => auc.toFixed(2)),
      'stroke="#ddd"',
    ),
    PLOT.columns(ticksOf(SPEED, 6, String)),
    text((FIELD.left + FIELD.right) / 2, HEIGHT - 8, 'frames a second, 1280 x 720', 'text-anchor="middle"'),
    text(8, 14, 'AUC'),
  ];
}

function levels(): string[] {
  const { val } = readResult<{ val: Record<string, readonly number[]> }>('benchmarks/val/recorded.json');
  return LEVELS.flatMap((name) => {
    const auc = val[name]![0]!;
    const ends = SPEED.map((fps) => [fps, auc] as const);
    return [
      PLOT.line(ends, 'stroke="#777" stroke-dasharray="6 4"'),
      text(FIELD.left + 6, PLOT.y(auc) - 5, `${name} (speed not measured)`, 'fill="#555"'),
    ];
  });
}

function points(): string[] {
  return Object.entries(RESULTS).flatMap(([preset, file], i) => {
    const result = readResult<ValResult>(`benchmarks/val/${file}`);
    const { auc } = result.mean;
    const [x, y] = [PLOT.x(framesPerSecond(speedCell(SIZE, preset))), PLOT.y(auc)];
    const label = `${preset} ${auc.toFixed(3)}${isOfShippedHead(result) ? '' : ' (earlier head)'}`;
    // names of neighbours lie above and below
    return [
      `<circle cx="${x}" cy="${y}" r="5" fill="#0072b2"/>`,
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
    ...levels(),
    ...points(),
    '</svg>',
    '',
  ].join('\n');
}
