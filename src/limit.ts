/** Limits how many jobs run at once, in this process. Processes are in evaluation/run-pool.ts. */

/** At most so many jobs at once; the others wait their turn. */
export interface Limit {
  run<T>(job: () => Promise<T>): Promise<T>;
}

export function createLimit(most: number): Limit {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(job) {
      if (running >= most) await new Promise<void>((resume) => waiting.push(resume));
      else running++;
      try {
        return await job();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running--;
      }
    },
  };
}

/** Files that are looked into at the same time. */
const FILES = 32;

/** One result an item, in order, with `most` of them in the making. @throws what the first item that fails throws; no other is begun then */
export async function mapLimited<T, R>(items: readonly T[], work: (item: T) => Promise<R>, most = FILES): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index]!);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, run));
  return results;
}
