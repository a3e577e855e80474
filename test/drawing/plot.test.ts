import { expect, it } from 'vitest';
import { createPlot, ticksOf } from '../../src/drawing/plot.js';

const plot = createPlot({ left: 40, right: 140, top: 10, bottom: 60 }, [0, 200], [0.5, 1]);

it('values lie between the edges of the field, larger ones to the right and higher up', () => {
  expect([0, 200, 33.37].map(plot.x)).toEqual([40, 140, 56.7]);
  expect([0.5, 1, 0.75].map(plot.y)).toEqual([60, 10, 35]);
});

it('ticks stand at equal distances with numbers as people write them', () => {
  const ticks = ticksOf([0, 0.5], 3, String);
  expect(ticks.map(({ label }) => label)).toEqual(['0', '0.25', '0.5']);
  const half = [{ value: 0.75, label: '0.75' }];
  expect(plot.rows(half, 'stroke="#ddd"')).toBe(
    '<line x1="40" x2="140" y1="35" y2="35" stroke="#ddd"/><text x="34" y="39" text-anchor="end">0.75</text>',
  );
  expect(plot.columns([{ value: 100, label: '100' }])).toBe('<text x="90" y="76" text-anchor="middle">100</text>');
});

it('a line goes through its points', () => {
  const points = [
    [0, 0.5],
    [100, 0.9],
  ] as const;
  expect(plot.line(points, 'stroke="#26b"')).toBe('<polyline fill="none" points="40,60 90,20" stroke="#26b"/>');
});
