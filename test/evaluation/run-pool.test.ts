import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { expect, test } from 'vitest';
import { closePool, openPool, runJob } from '../../src/evaluation/run-pool.js';

/** The process of a pool of one. */
const processOf = (pool: ReturnType<typeof openPool>): ChildProcess =>
  (pool as unknown as { workers: { worker: ChildProcess }[] }).workers[0]!.worker;

const JOB = { dataset: 'folder', root: '/nowhere', sequence: 'a', options: {} };
const watch = { attempts: 1, onFrame: () => undefined };

test('a pool closes though its process was killed while it had nothing to do', async () => {
  const pool = openPool(1);
  expect(await runJob(pool, JOB, watch)).toMatchObject({ code: 'INPUT_NOT_FOUND' });
  const child = processOf(pool);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  (child as { killed: boolean }).killed = false; // as where somebody else killed it
  await ended;
  await closePool(pool);
});

test('a job goes on in another process where the idle one was killed', async () => {
  const pool = openPool(1);
  await runJob(pool, JOB, watch);
  const child = processOf(pool);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  expect(await runJob(pool, JOB, { ...watch, attempts: 3 })).toMatchObject({ code: 'INPUT_NOT_FOUND' });
  await closePool(pool);
});
