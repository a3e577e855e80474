/** The figures of README and docs, by key, from the result files of the benchmarks. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { BuiltResult } from '../../benchmarks/built/report.js';
import type { Share } from '../../benchmarks/built/score.js';
import { markdownTable } from '../../benchmarks/table.js';

export const ROOT = path.join(import.meta.dirname, '../..');

export function readResult<T>(file: string): T {
  return JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as T;
}

// --- result files ---

interface Triple {
  readonly auc: number;
  readonly op50: number;
  readonly op75: number;
}

export interface ValResult {
  readonly weights: string;
  readonly mean: Triple;
  readonly scores: readonly { readonly origin?: string; readonly auc: number }[];
}

/** AUC, OP50 and OP75, as far as they are known. */
type Recorded = readonly number[];

interface RecordedResult {
  readonly val: Readonly<Record<string, Recorded>>;
  readonly dev: Readonly<Record<string, Recorded>>;
  readonly earlier: readonly {
    readonly footage: string;
    readonly 'ebm-tracker': Recorded;
    readonly 'NanoTrack V3': Recorded;
  }[];
}

export interface SpeedResult {
  readonly weights: string;
  readonly cells: readonly {
    readonly clip: string;
    readonly threads: number;
    readonly preset: string;
    readonly stages: readonly { readonly stage: string; readonly median: number; readonly p95: number }[];
    /** Seconds, MB, and rows of a whole `track`. */
    readonly process: {
      readonly firstBox: number;
      readonly total: number;
      readonly memory: number;
      readonly rows: number;
    };
  }[];
  readonly fourObjects: { readonly lanes: number };
}

export interface BrowserResult {
  readonly weights: string;
  readonly machine: string;
  readonly browser: string;
  readonly threads: number;
  readonly rows: readonly {
    readonly row: 'node' | 'exact' | 'small';
    readonly ms: number;
    readonly ratio: number;
    /** Seconds. */
    readonly firstBox?: number;
  }[];
}

interface PublishedResult {
  readonly results: readonly {
    readonly tracker: string;
    readonly import: { readonly seconds: number; readonly memory: number };
    readonly track: { readonly first: number; readonly frame: number; readonly memory: number; readonly boxes: number };
  }[];
}

interface FinetuneResult {
  readonly weights: string;
  readonly rows: readonly {
    readonly sequence: string;
    readonly before: number;
    readonly after: number;
    readonly seconds: number;
  }[];
}

interface Manifest {
  readonly heads: Readonly<Record<string, { readonly sha256: string }>>;
  readonly default: { readonly head: string };
}

const val = readResult<ValResult>('benchmarks/val/result-val.json');
const fast = readResult<ValResult>('benchmarks/val/result-fast.json');
const dev = readResult<ValResult>('benchmarks/val/result-dev.json');
const recorded = readResult<RecordedResult>('benchmarks/val/recorded.json');
const speed = readResult<SpeedResult>('benchmarks/speed/result.json');
const browser = readResult<BrowserResult>('benchmarks/browser/result.json');
const built = readResult<BuiltResult>('benchmarks/built/result-val.json');
const confidence = readResult<{
  readonly weights: string;
  readonly areaUnderRoc: number;
  readonly calibrationError: number;
}>('benchmarks/confidence/result.json');
const live = readResult<{ median: Record<'flv' | 'rtsp' | 'mpegts', number> }>('benchmarks/live/result.json');
const published = readResult<PublishedResult>('benchmarks/published/result.json');
const finetuned = readResult<FinetuneResult>('benchmarks/finetune/result.json');
const manifest = readResult<Manifest>('models/manifest.json');

// --- words ---

const fixed = (value: number): string => value.toFixed(3);
const triple = (values: Recorded): string => values.map(fixed).join(', ');
const tripleOf = ({ auc, op50, op75 }: Triple): string => triple([auc, op50, op75]);
const seconds = (value: number): string => `${value.toFixed(1)} s`;
const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;

/** "95%"; below one percent with a digit more. */
function percent({ of, count }: Share): string {
  const value = (100 * count) / of;
  return `${value > 0 && value < 1 ? value.toFixed(1) : value.toFixed(0)}%`;
}

/** Which head a result file is of. */
export function isOfShippedHead({ weights }: { readonly weights: string | undefined }): boolean {
  return weights === manifest.heads[manifest.default.head]!.sha256;
}
const headOf = (result: { readonly weights: string | undefined }): string =>
  isOfShippedHead(result) ? 'the head that ships' : 'an earlier head';
const earlierMark = (result: ValResult): string => (isOfShippedHead(result) ? '' : ' (earlier head)');

// --- tables ---

function accuracy(): string {
  const [devRow, valRow] = [
    `the same 69 clips, ${headOf(dev)}`,
    `28 sequences that every rule was chosen on, ${headOf(val)}`,
  ];
  return markdownTable(
    ['footage', 'ebm-tracker: AUC, OP50, OP75', 'NanoTrack V3: AUC, OP50, OP75'],
    [
      ...recorded.earlier.map((row) => [
        `${row.footage}, an earlier head`,
        triple(row['ebm-tracker']),
        triple(row['NanoTrack V3']),
      ]),
      [devRow, tripleOf(dev.mean), triple(recorded.dev['NanoTrack V3']!)],
      [valRow, tripleOf(val.mean), triple(recorded.val['NanoTrack V3']!)],
    ],
  );
}

type Cell = SpeedResult['cells'][number];

export function speedCell(clip: string, preset: string): Cell {
  return speed.cells.find((cell) => cell.clip === clip && cell.preset === preset && cell.threads === 2)!;
}

export const framesPerSecond = ({ process: { rows, total } }: Cell): number => rows / total;

function presets(): string {
  const rows = (
    [
      ['fast', fast],
      ['default', val],
    ] as const
  ).map(([preset, result]) => {
    const [small, large] = [speedCell('360p', preset), speedCell('720p', preset)];
    const stage = (name: string) => small.stages.find((own) => own.stage === name)!;
    return [
      `_${preset}_`,
      milliseconds(stage('update()').median),
      milliseconds(stage('update()').p95),
      milliseconds(stage('bare session.run').median),
      ...[small, large].map((cell) => `${framesPerSecond(cell).toFixed(0)} frames a s`),
      `${fixed(result.mean.auc)}${earlierMark(result)}`,
    ];
  });
  const head = [
    'preset',
    '`update()`, 360p',
    '95% of frames below',
    'bare backbone',
    'whole `track`, 360p',
    '720p',
    'AUC',
  ];
  return markdownTable(head, rows);
}

/** Mean AUC of the development clips, data set by data set. */
function origins(): string {
  const names = [...new Set(dev.scores.map(({ origin }) => origin ?? 'others'))];
  const rows = names.map((name) => {
    const own = dev.scores.filter(({ origin }) => (origin ?? 'others') === name);
    return [name, String(own.length), fixed(own.reduce((sum, { auc }) => sum + auc, 0) / own.length)];
  });
  return markdownTable(['data set', 'clips', 'AUC'], rows);
}

const NAMES: Readonly<Record<string, string>> = { super_dimp: 'SuperDiMP', prdimp50: 'PrDiMP-50', dimp18: 'DiMP-18' };

function publishedCost(): string {
  return markdownTable(
    ['tracker', 'import', 'memory of import', 'first box', 'a frame', 'memory'],
    published.results.map(({ tracker, import: read, track }) => [
      NAMES[tracker] ?? tracker,
      seconds(read.seconds),
      `${read.memory.toFixed(0)} MB`,
      seconds(track.first),
      `${(track.frame / 1000).toFixed(3)} s`,
      `${track.memory.toFixed(0)} MB`,
    ]),
  );
}

function finetuneGains(): string {
  return markdownTable(
    ['sequence', 'AUC before', 'after', 'time'],
    finetuned.rows.map(({ sequence, before, after, seconds }) => [
      sequence,
      fixed(before),
      fixed(after),
      `${seconds.toFixed(0)} s`,
    ]),
  );
}

const { all } = built.scores as { all: BuiltResult['scores'][string] };

const BROWSER_ROWS = {
  node: 'Node',
  exact: 'page, exact models',
  small: "page, small models (`precision: 'int8'`)",
} as const;

function browserSpeed(): string {
  const rows = browser.rows.map(({ row, ms, ratio, firstBox }) => [
    BROWSER_ROWS[row],
    ms.toFixed(0),
    row === 'node' ? '' : ratio.toFixed(1),
    firstBox === undefined ? '' : `${firstBox.toFixed(1)} s`,
  ]);
  return markdownTable(['', 'ms a frame', 'times Node', 'first box'], rows);
}

/** Key -> text. Tables begin with "|". */
export const FIGURES: Readonly<Record<string, () => string>> = {
  accuracy,
  presets,
  'dev.origins': origins,
  'published.cost': publishedCost,
  'finetune.gains': finetuneGains,
  'finetune.head': () => headOf(finetuned),
  'val.auc': () => fixed(val.mean.auc),
  'val.nanotrack': () => fixed(recorded.val['NanoTrack V3']![0]!),
  'val.nanotrack2': () => fixed(recorded.val['NanoTrack V2']![0]!),
  'val.csrt': () => fixed(recorded.val['CSRT']![0]!),
  'val.mil': () => fixed(recorded.val['MIL']![0]!),
  'val.kcf': () => fixed(recorded.val['KCF']![0]!),
  'val.mosse': () => fixed(recorded.val['MOSSE']![0]!),
  'speed.head': () => headOf(speed),
  'speed.first': () => seconds(speedCell('360p', 'default').process.firstBox),
  'speed.memory': () => `${(Math.round(speedCell('360p', 'default').process.memory / 10) * 10).toFixed(0)} MB`,
  'speed.four': () => speed.fourObjects.lanes.toFixed(1),
  'built.head': () => headOf(built),
  'built.cases': () => String(all.cases),
  'built.roc': () => fixed(all.areaUnderRoc!),
  'built.gone': () => String(all.flaggedLost.of),
  'built.lost': () => percent(all.flaggedLost),
  'built.found': () => percent(all.foundAgain),
  'built.false': () => percent(all.falselyFound),
  'built.sure': () => percent(all.sureWhileGone),
  'confidence.head': () => headOf(confidence),
  'confidence.roc': () => fixed(confidence.areaUnderRoc),
  'confidence.error': () => fixed(confidence.calibrationError),
  'browser.head': () => headOf(browser),
  'browser.on': () => `${browser.browser}, ${browser.threads} threads, ${browser.machine}`,
  'browser.speed': browserSpeed,
  'live.flv': () => `${live.median.flv} ms`,
  'live.rtsp': () => `${live.median.rtsp} ms`,
  'live.mpegts': () => `${live.median.mpegts} ms`,
  'published.difference': () => `${Math.max(...published.results.map(({ track }) => track.boxes)).toFixed(5)} px`,
};
