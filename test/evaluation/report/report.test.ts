import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findProtocol } from '../../../src/evaluation/protocols/index.js';
import { renderHtml } from '../../../src/evaluation/report/html.js';
import { buildReport, type TrackerInput } from '../../../src/evaluation/report/report.js';
import { renderCsv, renderJson, renderMarkdown } from '../../../src/evaluation/report/text.js';
import { writeReport } from '../../../src/evaluation/report/write.js';
import type { ScoredSequence } from '../../../src/evaluation/types.js';

const FRAMES = 11;
const protocol = findProtocol('ope');

/** Boxes of 10 x 10 that lie `shift` pixels beside the truth from the second frame on. */
function sequence(name: string, shift: number, more: Partial<ScoredSequence> = {}): ScoredSequence {
  const truth = new Float64Array(4 * FRAMES).map((_, i) => (i % 4 < 2 ? 20 : 10));
  return { name, truth, boxes: truth.map((value, i) => (i > 3 && i % 4 === 0 ? value + shift : value)), ...more };
}

function tracker(name: string, ...scored: ScoredSequence[]): TrackerInput {
  return { name, scored, score: protocol.score(scored) };
}

const good = tracker(
  'good <1>',
  sequence('a', 0, {
    attributes: ['fast', 'dark'],
    confidence: new Float64Array(FRAMES).fill(0.95),
    seconds: new Float64Array(FRAMES).fill(0.05),
  }),
  sequence('b', 5, { attributes: ['fast'], confidence: new Float64Array(FRAMES).fill(0.25) }),
);
const bad = tracker('bad', sequence('a', 500), sequence('b', 500));
const report = buildReport('Two trackers', protocol, [good, bad]);

test('sequences are told worst first, beside each other', () => {
  expect(report.sequences.map(({ name }) => name)).toEqual(['b', 'a']);
  expect(report.sequences[1]!.values).toEqual([good, bad].map(({ score }) => score.sequences[0]!.metrics['auc']));
});

test('an attribute of two sequences has their mean, one of a single sequence is left out', () => {
  const [a, b] = good.score.sequences.map(({ metrics }) => metrics['auc']!);
  expect(report.trackers[0]!.attributes).toEqual({ fast: (a! + b!) / 2 });
});

test('reliability: confidence beside the share that was right', () => {
  const { bins, expectedError } = report.trackers[0]!.reliability!;
  expect(bins[9]).toMatchObject({ right: 1, frames: 10 });
  expect(bins[2]).toMatchObject({ right: 0, frames: 10 }); // shifted by half: overlap 1/3
  expect(expectedError).toBeCloseTo((0.05 + 0.25) / 2, 12);
  expect(report.trackers[0]!.reliability!.areaUnderRoc).toBe(1); // the confident ones are the right ones
  expect(report.trackers[1]!.reliability).toBeUndefined();
});

test('speed leaves out the first frame, and stands apart', () => {
  expect(report.speed).toEqual({ 'good <1>': expect.closeTo(20, 9) as number });
});

test('all forms say the same numbers', () => {
  const auc = (100 * good.score.metrics['auc']!).toFixed(2);
  const ofB = (100 * good.score.sequences[1]!.metrics['auc']!).toFixed(2);
  for (const text of [renderHtml(report), renderMarkdown(report)]) {
    expect(text).toContain('Expected calibration error 0.150, area under ROC 1.000');
    expect(text).toContain(auc);
    expect(text).toContain(ofB);
  }
  expect(renderCsv(report).split('\n')[1]).toBe(
    `b,11,${ofB},${(100 * bad.score.sequences[1]!.metrics['auc']!).toFixed(2)}`,
  );
  expect(JSON.parse(renderJson(report))).toMatchObject({ trackers: [{ metrics: good.score.metrics }, {}] });
});

test('the page needs nothing from elsewhere and names are text in it', () => {
  const page = renderHtml(report);
  expect(page).not.toMatch(/https?:|<script[^>]|<link|src=/);
  expect(page).toContain('good &lt;1&gt;');
  expect(page).not.toContain('good <1>');
  expect(page.match(/<polyline/g)).toHaveLength(6); // three curves of two trackers
});

test('four files are written', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'report-'));
  const files = await writeReport(path.join(folder, 'new'), report);
  expect(files.map((file) => path.basename(file))).toEqual(['report.html', 'report.md', 'report.json', 'report.csv']);
  expect(await readFile(files[0]!, 'utf8')).toBe(renderHtml(report));
  await rm(folder, { recursive: true });
});

test('sequences are listed worst first and carry what their heads sort by', () => {
  const page = renderHtml(buildReport('t', protocol, [good, tracker('half', sequence('a', 5))]));
  const table = /<table class="sortable">.*?<\/table>/s.exec(page)![0];
  const rows = [...table.matchAll(/<tr>(<td.*?)<\/tr>/gs)].map(([, cells]) =>
    [...cells!.matchAll(/data-value="([^"]*)"/g)].map(([, value]) => value),
  );
  const [a, b] = good.score.sequences.map(({ metrics }) => String(metrics['auc']));
  expect(rows[0]).toEqual(['b', '11', b, '-1']); // no result sorts below all
  expect(rows[1]!.slice(0, 3)).toEqual(['a', '11', a]);
  const heads = [...table.matchAll(/<th(?: [^>]*)?>/g)].map(([head]) => head);
  expect(heads).toEqual(['<th>', '<th>', '<th aria-sort="ascending">', '<th>']);
  expect(page.match(/<script>/g)).toHaveLength(1);
});

test('three attributes make a radar beside their table, with as many polygons as trackers', () => {
  const of = (attributes: string[]): string => {
    const scored = ['a', 'b'].map((name) => sequence(name, 2, { attributes }));
    return renderHtml(buildReport('t', protocol, [tracker('x', ...scored), tracker('y', ...scored)]));
  };
  expect(of(['p', 'q'])).not.toContain('class="radar"');
  const radar = /<svg class="radar".*?<\/svg>/s.exec(of(['p', 'q', 'r']))![0];
  expect(radar.match(/<polygon fill="none" class="c/g)).toHaveLength(2);
  const many = of(Array.from({ length: 30 }, (_, i) => `n${i}`));
  expect(many).toContain('the 20 lowest of 30');
});
