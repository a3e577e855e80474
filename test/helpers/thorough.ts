/** The time of CI is short: of long lists of alike cases it takes each n-th, THOROUGH=1 all. */
export function someOf<T>(cases: readonly T[], each: number): readonly T[] {
  return process.env['THOROUGH'] ? cases : cases.filter((_, i) => i % each === 0);
}
