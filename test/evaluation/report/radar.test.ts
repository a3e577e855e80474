import { expect, test } from 'vitest';
import { renderRadar, rimOf, spokePoint } from '../../../src/evaluation/report/radar.js';

const points = (svg: string): string[] =>
  [...svg.matchAll(/<polygon fill="none" class="c\d"[^>]* points="([^"]*)"/g)].map(([, text]) => text!);

test('the first spoke points up, the others follow clockwise, at equal angles', () => {
  const centre = spokePoint(0, 4, 0);
  const spokes = [0, 1, 2, 3].map((k) => {
    const { x, y } = spokePoint(k, 4, 0.5, 100);
    return [x - centre.x, y - centre.y];
  });
  expect(spokes).toEqual([
    [0, -50],
    [50, 0],
    [0, 50],
    [-50, 0],
  ]);
});

test('a value lies on its spoke at its share of the rim', () => {
  const svg = renderRadar('c', ['a', 'b', 'c', 'd'], [{ name: 't', values: [0.4, 0.2, 0.1, 0] }]);
  const expected = [1, 0.5, 0.25, 0].map((share, k) => spokePoint(k, 4, share)).map(({ x, y }) => `${x},${y}`);
  expect(points(svg)).toEqual([expected.join(' ')]);
});

test('one polygon a tracker; a spoke without a value is passed over', () => {
  const svg = renderRadar(
    'c',
    ['a', 'b', 'c'],
    [
      { name: 'x', values: [1, 1, 1] },
      { name: 'y', values: [1, undefined, 1] },
    ],
  );
  expect(points(svg).map((text) => text.split(' ').length)).toEqual([3, 2]);
});

test('the rim is the next tenth above the largest value, 1 at most', () => {
  const rim = (...values: (number | undefined)[]): number => rimOf([{ name: 't', values }]);
  expect(rim(0.41, undefined)).toBe(0.5);
  expect(rim(0.3)).toBe(0.3);
  expect(rim(0.7)).toBe(0.7);
  expect(rim(1)).toBe(1);
  expect(rim(0)).toBe(0.1);
});

test('two spokes make no radar; names are text', () => {
  expect(renderRadar('c', ['a', 'b'], [{ name: 't', values: [1, 1] }])).toBe('');
  const svg = renderRadar('<c>', ['<a>', 'b', 'c'], [{ name: '<t>', values: [1, 1, 1] }]);
  expect(svg).not.toMatch(/<[act]>/);
  expect(svg).toContain('&lt;a&gt;');
});

test('a long name stands in two lines, and what is still too long is cut', () => {
  const svg = renderRadar('c', ['background clutter', 'short', 'x'.repeat(40)], [{ name: 't', values: [1, 1, 1] }]);
  const lines = [...svg.matchAll(/<tspan[^>]*>([^<]*)</g)].map(([, text]) => text);
  expect(lines).toEqual(['background', 'clutter', 'short', `${'x'.repeat(13)}…`]);
});
