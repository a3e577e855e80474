/** Time spent in each stage. */
export interface Stopwatch {
  /** Does the work and counts its time. */
  time<T>(stage: string, work: () => Promise<T>): Promise<T>;
  /** Milliseconds of every call, by stage. */
  readonly stages: ReadonlyMap<string, readonly number[]>;
  /** Forgets all times. */
  reset(): void;
}

/** Calls kept of each stage; older ones are dropped, so that a long video costs no memory. */
const KEPT = 1000;

export function createStopwatch(): Stopwatch {
  const stages = new Map<string, number[]>();
  return {
    stages,
    async time(stage, work) {
      const started = performance.now();
      const result = await work();
      const list = stages.get(stage) ?? [];
      if (list.length === KEPT) list.shift();
      list.push(performance.now() - started);
      stages.set(stage, list);
      return result;
    },
    reset: () => stages.clear(),
  };
}
