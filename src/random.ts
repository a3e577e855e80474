/** The one source of randomness: a seeded generator that is passed in (xoshiro128**, Blackman and Vigna 2018). */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform integer in [0, n). */
  integer(n: number): number;
  /** Its whole state, for checkpoints. */
  state(): number[];
}

/** splitmix32: spreads a small seed over the generator's state. */
function* splitmix(seed: number): Generator<number> {
  let state = seed >>> 0;
  for (;;) {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    yield (z ^ (z >>> 16)) >>> 0;
  }
}

/** @param seed an integer, or the state() of an earlier generator. */
export function createRandom(seed: number | readonly number[]): Random {
  const words = new Uint32Array(4);
  if (typeof seed === 'number') {
    const source = splitmix(seed);
    for (let i = 0; i < 4; i++) words[i] = source.next().value as number;
  } else {
    words.set(seed);
  }
  const next = (): number => {
    const [a, b, c, d] = words as unknown as [number, number, number, number];
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    const c1 = c ^ a;
    const d1 = d ^ b;
    words[1] = b ^ c1;
    words[0] = a ^ d1;
    words[2] = c1 ^ shifted;
    words[3] = (d1 << 11) | (d1 >>> 21);
    return result;
  };
  const uniform = (): number => (next() * 0x200000 + (next() >>> 11)) / 0x20000000000000;
  return {
    uniform,
    // Box-Muller without its second value: the state is then all there is to save.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    integer: (n) => Math.floor(uniform() * n),
    state: () => [...words],
  };
}
