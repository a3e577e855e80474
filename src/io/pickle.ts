/**
 * A reader of Python pickles (protocol 2) that executes nothing: a class is a name, an object of it a record, and a call is looked up in a
 * short list of the caller's. Files come from anywhere, so work and memory are bounded by the number of instructions.
 */
import { TrackerError } from '../errors.js';

/** A function or class that the pickle names: nothing of it is loaded. */
export class PickledGlobal {
  /** @param name module and name, joined by a dot */
  constructor(readonly name: string) {}
}

/** An object of a class that is not looked into: what it was made from, and its state. */
export class PickledRecord {
  state: Pickled = null;
  constructor(
    readonly type: string,
    readonly args: readonly Pickled[],
  ) {}
}

export class PickledTuple {
  constructor(readonly items: readonly Pickled[]) {}
}

/** Result of a caller's hook of unpickle(), for a call or for a reference to something outside the pickle. */
export class PickledForeign<T = unknown> {
  constructor(readonly value: T) {}
}

export type PickledKey = string | number | bigint | boolean | null;
export type PickledDict = Map<PickledKey, Pickled>;
export type Pickled =
  PickledKey | PickledTuple | PickledGlobal | PickledRecord | PickledForeign | PickledDict | Pickled[];

export interface PickleHooks {
  /** Names the file in errors. */
  readonly where: string;
  /** A call of a named function or class. @returns undefined where it is none that is known: it becomes a record */
  call(name: string, args: readonly Pickled[]): PickledForeign | undefined;
  /** A reference to something that lies outside the pickle. */
  persistent(id: Pickled): PickledForeign;
}

/** Ends in a TrackerError CHECKPOINT_INVALID. */
export function invalidCheckpoint(where: string, why: string, hint = 'fetch the file again: it may be damaged'): never {
  throw new TrackerError('CHECKPOINT_INVALID', `checkpoint ${where}: ${why}`, { hint });
}

/** A real checkpoint has some 50,000 instructions. Each makes one object at most, so this bounds memory too. */
const MOST_INSTRUCTIONS = 2_000_000;
const LONGEST_TEXT = 1 << 24;
const LONGEST_NAME = 1000;

/**
 * Reads one pickle.
 * @param from where it begins
 * @returns its value, and where it ended
 * @throws TrackerError CHECKPOINT_INVALID
 */
export function unpickle(bytes: Uint8Array, from: number, hooks: PickleHooks): { value: Pickled; end: number } {
  const machine = new Machine(bytes, from, hooks);
  return { value: machine.run(), end: machine.at };
}

class Machine {
  private readonly view: DataView;
  private readonly stack: Pickled[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, Pickled>();
  private budget = MOST_INSTRUCTIONS;
  private instruction: number;

  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
    private readonly hooks: PickleHooks,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.instruction = at;
  }

  run(): Pickled {
    for (;;) {
      this.instruction = this.at;
      this.spend(1);
      const code = this.byte();
      if (code === STOP) break;
      const execute = INSTRUCTIONS.get(code);
      if (!execute) this.fail(`has the instruction ${nameOf(code)}, which weights have no use for`);
      execute(this);
    }
    const value = this.pop();
    if (this.stack.length > 0) this.fail('ends with values left over');
    return value;
  }

  fail(what: string): never {
    return invalidCheckpoint(this.hooks.where, `its pickle ${what} (byte ${this.instruction})`);
  }

  /** Work that is paid for: an instruction, or a value that is copied. */
  spend(work: number): void {
    this.budget -= work;
    if (this.budget < 0) this.fail(`asks for more than ${MOST_INSTRUCTIONS} steps; a real one has some 50000`);
  }

  // --- what stands in the file ---

  take(count: number): Uint8Array {
    if (count > this.bytes.length - this.at) this.fail('is cut off');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  /** A number of the view, which moves on. */
  read(size: number, get: (view: DataView, at: number) => number): number {
    this.take(size);
    return get(this.view, this.at - size);
  }

  text(length: number, encoding: 'utf-8' | 'latin1'): string {
    if (length > LONGEST_TEXT) this.fail(`has a text of ${length} bytes`);
    const bytes = this.take(length);
    // a character a byte; TextDecoder('latin1') is windows-1252, from Node 24 on
    if (encoding === 'latin1') return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    return new TextDecoder(encoding).decode(bytes);
  }

  line(): string {
    const end = this.bytes.subarray(this.at, this.at + LONGEST_NAME).indexOf(NEWLINE);
    if (end === -1) this.fail('has a name without end');
    const line = this.text(end, 'utf-8');
    this.at++;
    return line;
  }

  // --- the stack ---

  push(value: Pickled): void {
    this.stack.push(value);
  }

  /** Values under the last mark belong to what began before it. */
  private get floor(): number {
    return this.marks.at(-1) ?? 0;
  }

  pop(): Pickled {
    if (this.stack.length <= this.floor) this.fail('takes a value that is not there');
    return this.stack.pop()!;
  }

  top(): Pickled {
    if (this.stack.length <= this.floor) this.fail('takes a value that is not there');
    return this.stack.at(-1)!;
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  popToMark(): Pickled[] {
    const from = this.marks.pop();
    if (from === undefined) this.fail('closes what it has not opened');
    return this.stack.splice(from);
  }

  popTuple(what: string): readonly Pickled[] {
    const tuple = this.pop();
    if (!(tuple instanceof PickledTuple)) this.fail(`calls ${what} with something else than a tuple`);
    return tuple.items;
  }

  // --- the memo ---

  store(place: number): void {
    this.memo.set(place, this.top());
  }

  recall(place: number): void {
    const value = this.memo.get(place);
    if (value === undefined) this.fail(`recalls value ${place}, which it has not stored`);
    this.push(value);
  }

  // --- objects ---

  append(values: readonly Pickled[]): void {
    const list = this.top();
    if (!Array.isArray(list)) this.fail('appends to something else than a list');
    for (const value of values) list.push(value);
  }

  setItems(items: readonly Pickled[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) this.fail('sets items of something else than a dictionary');
    if (items.length % 2 === 1) this.fail('sets a key without a value');
    for (let i = 0; i < items.length; i += 2) dict.set(this.key(items[i]!), items[i + 1]!);
  }

  private key(key: Pickled): PickledKey {
    if (key !== null && typeof key === 'object') this.fail('has a dictionary with a key that is no text or number');
    return key;
  }

  call(isClass: boolean): void {
    const args = this.popTuple('a function');
    const callee = this.pop();
    if (!(callee instanceof PickledGlobal)) this.fail('calls something else than a named function');
    if (callee.name === ORDERED_DICT) return this.push(this.orderedDict(args));
    const made = isClass ? undefined : this.hooks.call(callee.name, args);
    this.push(made ?? new PickledRecord(callee.name, args));
  }

  private orderedDict([items = []]: readonly Pickled[]): PickledDict {
    if (!Array.isArray(items)) this.fail('makes a dictionary of something else than a list');
    this.spend(items.length);
    return new Map(
      items.map((item) => {
        const pair = item instanceof PickledTuple ? item.items : item;
        if (!Array.isArray(pair) || pair.length !== 2) this.fail('makes a dictionary of something else than pairs');
        return [this.key(pair[0] as Pickled), pair[1] as Pickled];
      }),
    );
  }

  /** State of a record. That of a dictionary (its attributes, such as _metadata) is of no use. */
  build(): void {
    const state = this.pop();
    const object = this.top();
    if (object instanceof PickledRecord) object.state = state;
    else if (!(object instanceof Map)) this.fail('gives a state to something that has none');
  }

  refer(): void {
    this.push(this.hooks.persistent(this.pop()));
  }
}

const ORDERED_DICT = 'collections.OrderedDict';
const NEWLINE = 10;
const STOP = code('.');

function code(symbol: string): number {
  return symbol.charCodeAt(0);
}

const u8 = (m: Machine): number => m.byte();
const u16 = (m: Machine): number => m.read(2, (view, at) => view.getUint16(at, true));
const i32 = (m: Machine): number => m.read(4, (view, at) => view.getInt32(at, true));
const u32 = (m: Machine): number => m.read(4, (view, at) => view.getUint32(at, true));

/** A whole number in two's complement, little-endian, of as many bytes as the first one says. */
function long(m: Machine): number | bigint {
  const bytes = m.take(m.byte());
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  const signed = BigInt.asIntN(Math.max(1, 8 * bytes.length), value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

function tuple(m: Machine, count: number): void {
  const items: Pickled[] = [];
  for (let i = 0; i < count; i++) items.unshift(m.pop());
  m.push(new PickledTuple(items));
}

function global(m: Machine): void {
  const module = m.line();
  m.push(new PickledGlobal(`${module}.${m.line()}`));
}

function popOne(m: Machine): void {
  m.pop();
}

function protocol(m: Machine): void {
  const version = m.byte();
  if (version !== 2) m.fail(`is of protocol ${version}, expected 2`);
}

function item(m: Machine): void {
  const value = m.pop();
  m.setItems([m.pop(), value]);
}

const INSTRUCTIONS: ReadonlyMap<number, (m: Machine) => void> = new Map<number, (m: Machine) => void>([
  [0x80, protocol],
  [code('('), (m) => m.mark()],
  [code('0'), popOne],
  [code('2'), (m) => m.push(m.top())],
  // values
  [code('N'), (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [code('J'), (m) => m.push(i32(m))],
  [code('K'), (m) => m.push(u8(m))],
  [code('M'), (m) => m.push(u16(m))],
  [0x8a, (m) => m.push(long(m))],
  [code('G'), (m) => m.push(m.read(8, (view, at) => view.getFloat64(at)))],
  [code('X'), (m) => m.push(m.text(u32(m), 'utf-8'))],
  [code('U'), (m) => m.push(m.text(u8(m), 'latin1'))],
  [code('T'), (m) => m.push(m.text(u32(m), 'latin1'))],
  // tuples, lists, dictionaries
  [code(')'), (m) => m.push(new PickledTuple([]))],
  [code('t'), (m) => m.push(new PickledTuple(m.popToMark()))],
  [0x85, (m) => tuple(m, 1)],
  [0x86, (m) => tuple(m, 2)],
  [0x87, (m) => tuple(m, 3)],
  [code(']'), (m) => m.push([])],
  [code('l'), (m) => m.push(m.popToMark())],
  [code('a'), (m) => m.append([m.pop()])],
  [code('e'), (m) => m.append(m.popToMark())],
  [code('}'), (m) => m.push(new Map())],
  [code('s'), item],
  [code('u'), (m) => m.setItems(m.popToMark())],
  // what was seen before
  [code('q'), (m) => m.store(u8(m))],
  [code('r'), (m) => m.store(u32(m))],
  [code('h'), (m) => m.recall(u8(m))],
  [code('j'), (m) => m.recall(u32(m))],
  // objects
  [code('c'), global],
  [code('R'), (m) => m.call(false)],
  [0x81, (m) => m.call(true)],
  [code('b'), (m) => m.build()],
  [code('Q'), (m) => m.refer()],
]);

/** Names of instructions that are refused, as Python's pickletools has them. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [code('i'), 'INST'],
  [code('o'), 'OBJ'],
  [code('P'), 'PERSID'],
  [code('d'), 'DICT'],
  [code('1'), 'POP_MARK'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x8b, 'LONG4'],
  [0x92, 'NEWOBJ_EX'],
  [0x93, 'STACK_GLOBAL'],
  [0x95, 'FRAME'],
]);

function nameOf(code: number): string {
  const hex = `0x${code.toString(16).padStart(2, '0')}`;
  const name = REFUSED.get(code);
  return name === undefined ? hex : `${hex} (${name})`;
}
