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
