/** How good bytes and texts are damaged. */
import type { Random } from '../../src/random.js';

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.integer(values.length)]!;
}

/** Cut off, flipped, zeroed, doubled or mixed up, in one to four places. */
export function damageBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let damaged = Uint8Array.from(bytes);
  for (let count = 1 + random.integer(4); count > 0; count--) damaged = pick(random, BYTE_DAMAGES)(random, damaged);
  return damaged;
}

type ByteDamage = (random: Random, bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

const BYTE_DAMAGES: readonly ByteDamage[] = [
  (random, bytes) => bytes.slice(0, random.integer(bytes.length + 1)),
  (random, bytes) => {
    for (let i = 1 + random.integer(20); i > 0 && bytes.length > 0; i--)
      bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
    return bytes;
  },
  // most of what a container says of itself stands at its start
  (random, bytes) => {
    for (let i = 1 + random.integer(8); i > 0 && bytes.length > 0; i--)
      bytes[random.integer(Math.min(bytes.length, 512))] = random.integer(256);
    return bytes;
  },
  (random, bytes) => {
    const from = random.integer(bytes.length + 1);
    return bytes.fill(random.integer(256), from, from + random.integer(2000));
  },
  (random, bytes) => {
    const from = random.integer(bytes.length + 1);
    const part = bytes.slice(from, from + random.integer(2000));
    return Uint8Array.from([...bytes.slice(0, from), ...part, ...bytes.slice(from)]);
  },
];

/** Numbers that programs stumble over. */
export const NUMBERS = (
  '0 -0 -1 1 0.5 1e-300 1e308 -1e308 1e400 -1e400 NaN nan Infinity -inf 2147483647 2147483648 -2147483649 4294967296 ' +
  '9007199254740993 99999999999999999999999999 1e21 0x10 1_000 ٣ null true "7" [] {} 1,5 '
).split(' ');

const WORDS = [
  '',
  ' ',
  '\0',
  '\uFEFF',
  '\uFFFD',
  '\n\n',
  '\r',
  '"',
  "'",
  '<',
  '&',
  '&a;',
  ']]>',
  '{',
  '}',
  '[',
  ',',
  ';',
  '../../etc/passwd',
  '%s%n',
  '\u202E',
];

/** Numbers changed, lines lost, doubled and swapped, words put in, cut off; or damaged as bytes. */
export function damageText(random: Random, text: string): string {
  let damaged = text;
  for (let count = 1 + random.integer(4); count > 0; count--) damaged = pick(random, TEXT_DAMAGES)(random, damaged);
  return damaged;
}

const TEXT_DAMAGES: readonly ((random: Random, text: string) => string)[] = [
  changeNumber,
  changeNumber,
  changeNumber,
  (random, text) => text.slice(0, random.integer(text.length + 1)),
  (random, text) => insert(text, random.integer(text.length + 1), pick(random, WORDS)),
  (random, text) => {
    const lines = text.split('\n');
    const [from, to] = [random.integer(lines.length), random.integer(lines.length)];
    const line = lines[from]!;
    if (random.uniform() < 0.5) lines.splice(from, 1);
    lines.splice(to, 0, line);
    return lines.join('\n');
  },
  // a word of the format put in another's place
  (random, text) => {
    const words = text.match(/[A-Za-z_]{2,}/g) ?? [];
    return words.length < 2 ? text : text.replace(pick(random, words), () => pick(random, words));
  },
  (random, text) => new TextDecoder().decode(damageBytes(random, new TextEncoder().encode(text))),
  (random, text) => {
    const depth = pick(random, [10, 1000, 100_000]);
    return insert(text, random.integer(text.length + 1), pick(random, ['[', '{"a":', '<a>', '(']).repeat(depth));
  },
];

function changeNumber(random: Random, text: string): string {
  const numbers = [...text.matchAll(/-?\d+(?:\.\d+)?/g)];
  if (numbers.length === 0) return text;
  const { index, 0: number } = pick(random, numbers);
  return text.slice(0, index) + pick(random, NUMBERS) + text.slice(index + number.length);
}

function insert(text: string, at: number, what: string): string {
  return text.slice(0, at) + what + text.slice(at);
}
