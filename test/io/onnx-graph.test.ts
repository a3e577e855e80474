import { describe, expect, it } from 'vitest';
import { openOnnxModel, type FloatTensor } from '../../src/runtime/onnx.js';
import {
  cutModel,
  decodeModel,
  encodeModel,
  fixInputs,
  GraphBuilder,
  joinModels,
  withOutputs,
} from '../../src/io/onnx-graph.js';

async function run(model: Uint8Array, feeds: Record<string, FloatTensor>): Promise<Record<string, number[]>> {
  const session = await openOnnxModel(model, { threads: 1, provider: 'cpu' });
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...data]]));
}

const vector = (...values: number[]): FloatTensor => ({ data: Float32Array.from(values), dims: [values.length] });

/** y = -relu(3 x^T + 1), and the names of what lies between. */
function chain() {
  const graph = new GraphBuilder();
  const turned = graph.op('Transpose', [graph.input('x', ['h', 'w'])], { perm: [1, 0] });
  const tripled = graph.op('Mul', [turned, graph.scalar(3)]);
  const relu = graph.op('Relu', [graph.op('Add', [tripled, graph.constant(vector(1), 'one')])]);
  graph.output('y', graph.op('Neg', [relu]), ['w', 'h']);
  return { bytes: graph.toBytes(), turned, tripled, relu };
}

describe('GraphBuilder', () => {
  it('writes every kind of attribute and constant', async () => {
    const graph = new GraphBuilder();
    const x = graph.input('x', ['n', 2]);
    const weights = graph.constant({ data: Float32Array.of(1, 2, 3, 4, 5, 6), dims: [3, 2] }, 'weights');
    // int and float attributes; the third input of Gemm is left out
    const product = graph.op('Gemm', [x, weights], { transB: 1, alpha: { float: 0.5 } });
    // int64 constants, of one dimension and of none
    const middle = graph.op('Slice', [product, graph.integers([1]), graph.integers([3]), graph.integers([1])]);
    const last = graph.op('Gather', [product, graph.integers([2], [])], { axis: 1 });
    // a list of ints, and an optional input in the middle left out
    const turned = graph.op('Transpose', [graph.op('Clip', [middle, '', graph.scalar(10)])], { perm: [1, 0] });
    graph.output('turned', turned, [2, 'n']);
    graph.output('last', last, ['n']);
    const found = await run(graph.toBytes(), { x: { data: Float32Array.of(1, 2, 3, 4), dims: [2, 2] } });
    // x W^T / 2 = [[2.5, 5.5, 8.5], [5.5, 12.5, 19.5]]
    expect(found).toEqual({ turned: [5.5, 10, 8.5, 10], last: [8.5, 19.5] });
  });

  it('writes text attributes', async () => {
    const graph = new GraphBuilder();
    const x = graph.input('x', [1, 1, 1, 2]);
    const scales = graph.constant({ data: Float32Array.of(1, 1, 1, 2), dims: [4] });
    const mode = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    graph.output('y', graph.op('Resize', [x, '', scales], mode), [1, 1, 1, 4]);
    const found = await run(graph.toBytes(), { x: { data: Float32Array.of(1, 2), dims: [1, 1, 1, 2] } });
    expect(found).toEqual({ y: [1, 1, 2, 2] });
  });

  it('makes outputs of values that are used on, of inputs, and of one value twice', async () => {
    const graph = new GraphBuilder();
    const x = graph.input('x', ['n']);
    const double = graph.op('Mul', [x, graph.scalar(2)]);
    graph.output('double', double, ['n']);
    graph.output('again', double, ['n']);
    graph.output('same', x, ['n']);
    graph.output('negative', graph.op('Neg', [double]), ['n']);
    expect(await run(graph.toBytes(), { x: vector(1, -2) })).toEqual({
      double: [2, -4],
      again: [2, -4],
      same: [1, -2],
      negative: [-2, 4],
    });
  });

  it('gives an operator with several outputs', async () => {
    const graph = new GraphBuilder();
    const [left, right] = graph.ops('Split', [graph.input('x', [4])], 2, { axis: 0 });
    graph.output('left', left!, [2]);
    graph.output('right', right!, [2]);
    expect(await run(graph.toBytes(), { x: vector(1, 2, 3, 4) })).toEqual({ left: [1, 2], right: [3, 4] });
  });

  it('writes the same bytes twice', () => {
    expect(Buffer.from(chain().bytes).equals(Buffer.from(chain().bytes))).toBe(true);
  });

  it('refuses what would make a broken file', () => {
    const graph = new GraphBuilder();
    graph.input('x', ['n']);
    expect(() => graph.input('x', ['n'])).toThrow();
    expect(() => graph.op('Relu', ['nothing'])).toThrow();
    expect(() => graph.output('y', 'nothing', ['n'])).toThrow();
    expect(() => graph.constant({ data: Float32Array.of(1, 2), dims: [3] })).toThrow();
    expect(() => graph.op('Softmax', ['x'], { axis: 0.5 })).toThrow();
  });
});

describe('cutModel', () => {
  const x: FloatTensor = { data: Float32Array.of(1, -2, 3, 4), dims: [2, 2] };
  const turnedX: FloatTensor = { data: Float32Array.of(1, 3, -2, 4), dims: [2, 2] };

  it('keeps what the outputs need and gives what the whole graph gives inside', async () => {
    const { bytes, turned, tripled, relu } = chain();
    const part = cutModel(
      bytes,
      [{ value: turned, name: 'in', dims: ['w', 'h'] }],
      [
        { value: tripled, name: 'early', dims: ['w', 'h'] },
        { value: relu, name: 'late', dims: ['w', 'h'] },
      ],
    );
    const whole = await run(withOutputs(bytes, [tripled, relu]), { x });
    const found = await run(part, { in: turnedX });
    expect(found).toEqual({ early: [3, 9, -6, 12], late: [4, 10, 0, 13] });
    expect(whole).toMatchObject({ [tripled]: found['early'], [relu]: found['late'] });
  });

  it('leaves out weights that nothing needs any more', () => {
    const { bytes, turned, tripled, relu } = chain();
    const from = [{ value: turned, name: 'in', dims: ['w', 'h'] }];
    const text = (value: string) =>
      Buffer.from(cutModel(bytes, from, [{ value, name: 'out', dims: ['w', 'h'] }])).toString('latin1');
    expect(text(relu)).toContain('one');
    expect(text(tripled)).not.toContain('one');
  });

  it('refuses a value that is not there', () => {
    const { bytes, turned } = chain();
    const from = [{ value: turned, name: 'in', dims: ['w', 'h'] }];
    expect(() => cutModel(bytes, from, [{ value: 'Relu_99', name: 'out', dims: [] }])).toThrow();
  });
});

describe('joinModels', () => {
  /** z = x y + 1, of two inputs. */
  function product() {
    const graph = new GraphBuilder();
    const z = graph.op('Mul', [graph.input('x', ['w', 'h']), graph.input('y', ['w', 'h'])]);
    graph.output('z', graph.op('Add', [z, graph.scalar(1)]), ['w', 'h']);
    return graph.toBytes();
  }
  const x = { data: Float32Array.of(1, -2), dims: [1, 2] };
  const y = { data: Float32Array.of(10, 20), dims: [2, 1] };

  it('goes on from the values of the first, each part under its own names', async () => {
    const joined = joinModels(chain().bytes, [
      { bytes: product(), prefix: 'a', wires: { x: 'y' } },
      { bytes: product(), prefix: 'b', wires: { x: 'a/z', y: 'y' } },
    ])!;
    // y = -relu(3 x^T + 1) = [-4, 0]; a = 10 y + 1; b = a y + 1
    expect(await run(joined, { x, 'a/y': y })).toEqual({ y: [-4, -0], 'a/z': [-39, 1], 'b/z': [157, 1] });
  });

  it('takes older operator sets of networks whose operators are settled, and no others', async () => {
    const older = (bytes: Uint8Array) =>
      encodeModel({ ...decodeModel(bytes), opsetImport: [{ domain: '', version: 9 }] });
    const relu = new GraphBuilder();
    relu.output('y', relu.op('Relu', [relu.input('x', ['h', 'w'])]), ['h', 'w']);
    const others = [{ bytes: product(), prefix: 'a', wires: { x: 'y' } }];
    const joined = joinModels(older(relu.toBytes()), others)!;
    expect(await run(joined, { x, 'a/y': { ...y, dims: [1, 2] } })).toEqual({ y: [1, 0], 'a/z': [11, 1] });
    expect(joinModels(older(chain().bytes), others)).toBeUndefined(); // Neg
    expect(joinModels(encodeModel({ ...decodeModel(relu.toBytes()), opsetImport: [] }), others)).toBeUndefined();
  });
});

describe('fixInputs', () => {
  it('makes constants of inputs', async () => {
    const graph = new GraphBuilder();
    graph.output('z', graph.op('Mul', [graph.input('x', ['n']), graph.input('y', ['n'])]), ['n']);
    const fixed = fixInputs(graph.toBytes(), { y: vector(2, 3) });
    expect(await run(fixed, { x: vector(5, 7) })).toEqual({ z: [10, 21] });
    expect(() => fixInputs(fixed, { y: vector(2, 3) })).toThrow('no input y');
    expect(() => fixInputs(graph.toBytes(), { x: { data: Float32Array.of(1), dims: [2] } })).toThrow('expected 2');
  });
});
