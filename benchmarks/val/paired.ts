/**
 * Compares two trackers sequence by sequence. One source of footage (a group) counts once, however many clips it gives, since clips of one film
 * are not independent. A change is kept if its gain over all groups is at least two standard errors and no origin loses by two of its own.
 */
import type { SequenceScore } from './scores.js';

/** Figures that are compared. */
export const FIGURES = ['auc', 'op50', 'op75'] as const;
export type Figure = (typeof FIGURES)[number];

/** What of a sequence's score is compared. */
export type PairedScore = Pick<SequenceScore, 'sequence' | 'seed' | 'origin' | 'group' | Figure>;

/** Mean of both and of the difference, with its standard error over groups. */
export interface Difference {
  readonly a: number;
  readonly b: number;
  readonly gain: number;
  /** 0 where there is one group only. */
  readonly error: number;
}

/** One line of the table. */
export interface Comparison {
  /** Name of the data set, or "all". */
  readonly origin: string;
  readonly groups: number;
  readonly sequences: number;
  readonly figures: Readonly<Record<Figure, Difference>>;
}

/** Standard errors that a gain, or a loss, has to reach to count. */
const ERRORS = 2;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Sequences that only one side has are left out. @returns one line an origin, "all" last; empty where no sequence is in both */
export function compare(a: readonly PairedScore[], b: readonly PairedScore[]): Comparison[] {
  const [left, right] = [bySequence(a), bySequence(b)];
  const groups = new Map<string, { origin: string; names: string[] }>();
  for (const [name, scores] of left) {
    if (!right.has(name)) continue;
    const { origin = '', group = name } = scores[0]!;
    const key = `${origin}\n${group}`;
    const known = groups.get(key) ?? { origin, names: [] };
    groups.set(key, { origin, names: [...known.names, name] });
  }
  const all = [...groups.values()];
  const origins = [...new Set(all.map(({ origin }) => origin))].toSorted();
  const line = (origin: string, chosen: typeof all): Comparison => ({
    origin,
    groups: chosen.length,
    sequences: chosen.reduce((sum, { names }) => sum + names.length, 0),
    figures: Object.fromEntries(
      FIGURES.map((figure) => [figure, difference(chosen.map(({ names }) => pairOf(names, figure, left, right)))]),
    ) as Record<Figure, Difference>,
  });
  const lines = origins.map((origin) =>
    line(
      origin,
      all.filter((group) => group.origin === origin),
    ),
  );
  return all.length === 0 ? [] : [...lines, line('all', all)];
}

/** Whether b is kept in the place of a, and why. @param lines of compare(), not empty */
export function decide(lines: readonly Comparison[], figure: Figure = 'auc'): { kept: boolean; reason: string } {
  const all = lines.at(-1)!.figures[figure];
  const loser = lines.slice(0, -1).find(({ figures, groups }) => {
    const { gain, error } = figures[figure];
    return groups > 1 && gain < 0 && -gain >= ERRORS * error;
  });
  if (all.gain <= 0 || all.gain < ERRORS * all.error)
    return { kept: false, reason: `the gain over all groups is below ${ERRORS} standard errors` };
  if (loser) return { kept: false, reason: `${loser.origin} loses by ${ERRORS} standard errors of its own` };
  return { kept: true, reason: `the gain over all groups is at least ${ERRORS} standard errors, and no origin loses` };
}

function bySequence(scores: readonly PairedScore[]): Map<string, PairedScore[]> {
  const result = new Map<string, PairedScore[]>();
  for (const score of scores) result.set(score.sequence, [...(result.get(score.sequence) ?? []), score]);
  return result;
}

/** Means of a group's sequences, over all seeds. */
function pairOf(
  names: readonly string[],
  figure: Figure,
  left: ReadonlyMap<string, readonly PairedScore[]>,
  right: ReadonlyMap<string, readonly PairedScore[]>,
): { a: number; b: number } {
  const of = (side: typeof left): number =>
    mean(names.map((name) => mean(side.get(name)!.map((score) => score[figure]))));
  return { a: of(left), b: of(right) };
}

function difference(pairs: readonly { a: number; b: number }[]): Difference {
  const gains = pairs.map(({ a, b }) => b - a);
  const gain = mean(gains);
  const squares = gains.reduce((sum, value) => sum + (value - gain) ** 2, 0);
  const error = gains.length < 2 ? 0 : Math.sqrt(squares / (gains.length - 1) / gains.length);
  return { a: mean(pairs.map(({ a }) => a)), b: mean(pairs.map(({ b }) => b)), gain, error };
}
