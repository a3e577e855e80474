import { expect, it } from 'vitest';
import { createTurns } from '../../src/tracker/turns.js';

/** Work that ends when it is told to. */
function held<T>(): { work: () => Promise<T>; end: (value: T) => void; fail: (error: Error) => void } {
  let settle: [(value: T) => void, (error: Error) => void];
  const promise = new Promise<T>((resolve, reject) => (settle = [resolve, reject]));
  return { work: () => promise, end: (value) => settle[0](value), fail: (error) => settle[1](error) };
}

it('begins nothing before what was asked for before it has ended, well or badly', async () => {
  const turns = createTurns();
  const log: string[] = [];
  const [first, second] = [held<number>(), held<number>()];
  const noted = (name: string, work: () => Promise<number>) => async () => {
    log.push(`begin ${name}`);
    return work();
  };
  const a = turns.take(noted('a', first.work));
  const b = turns.take(noted('b', second.work));
  const c = turns.take(noted('c', async () => 3));
  await Promise.resolve();
  expect(log).toEqual(['begin a']);
  second.end(2);
  first.fail(new Error('bad'));
  await expect(a).rejects.toThrow('bad');
  expect([await b, await c]).toEqual([2, 3]);
  expect(log).toEqual(['begin a', 'begin b', 'begin c']);
});

it('the last turn waits for all before it, is taken once, and refuses what comes later', async () => {
  const turns = createTurns();
  const before = held<number>();
  const log: string[] = [];
  const a = turns.take(before.work);
  const end = turns.end(async () => void log.push('end'));
  expect(turns.end(async () => void log.push('end again'))).toBe(end);
  await expect(turns.take(async () => 1)).rejects.toMatchObject({ code: 'TRACKER_RELEASED' });
  expect(log).toEqual([]);
  before.end(1);
  expect(await a).toBe(1);
  await end;
  expect(log).toEqual(['end']);
});
