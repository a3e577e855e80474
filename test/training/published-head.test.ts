/** The box head that is trained against the one that tracks. */
import { beforeAll, expect, test } from 'vitest';
import { openPublished } from '../../src/published/networks.js';
import { openTensorflow, type Tensorflow } from '../../src/runtime/tensorflow.js';
import { boxEnergies, modulate, searchMaps, type MapPair } from '../../src/training/published-head.js';
import { fixtureModel, readFixture } from '../../tools/published/fixture.js';
import { seededFrame } from '../../tools/published/seeded.js';
import { cropSearch, firstPicture, firstPosition } from '../../src/published/crops.js';
import { firstViews } from '../../src/published/first-samples.js';
import { createRandom } from '../../src/random.js';
import { startBoxes } from '../../src/published/refine.js';

let tensorflow: Tensorflow;
beforeAll(async () => {
  tensorflow = await openTensorflow({ backend: 'wasm' });
});

test.each(['tiny-super-dimp', 'tiny-dimp18'])('%s: the energies that are tracked by', async (name) => {
  const fixture = await readFixture(name);
  const model = fixtureModel(fixture);
  const { rules } = model.recipe;
  const { size } = rules;
  const networks = await openPublished(
    model,
    { threads: 1, provider: 'cpu' },
    { space: 'relative', steps: 1, step: 1e-3 },
  );
  const [x, y, w, h] = fixture.first;
  const position = firstPosition({ x, y, w, h }, rules);
  const { large, box } = firstPicture(seededFrame(0), position, size);
  const template = firstViews(large, size, createRandom(1)).next().value!.pixels as Float32Array;
  const search = cropSearch(seededFrame(1), position, rules).pixels;
  const first = await networks.begin(template);
  const second = await networks.begin(search);
  const [sight] = await networks.look([{ pixels: search, filter: new Float32Array(16 * model.recipe.widths.filter) }]);
  // one reaches over the border
  const boxes = Float32Array.of(...startBoxes(box, 6, createRandom(3)), -20, size - 30, 60, 50);
  const { energies } = await networks.refine(sight!, await networks.refer(first, box), boxes);
  await networks.release();

  const { tf } = tensorflow;
  const found = tf.tidy(() => {
    const W = Object.fromEntries(
      Object.entries(model.weights).map(([key, { data, shape }]) => [key, tf.tensor(data, [...shape])]),
    );
    const maps = ({ layer2, layer3 }: typeof first): MapPair => {
      const map = (data: Float32Array, cells: number) =>
        tf.transpose(tf.tensor4d(data, [1, data.length / cells ** 2, cells, cells]), [0, 2, 3, 1]);
      return { fine: map(layer2, size / 8), coarse: map(layer3, size / 16) };
    };
    const centred = (values: Float32Array): Float32Array =>
      values.map((value, i) => (i % 4 < 2 ? value + values[i + 2]! / 2 : value));
    const modulation = modulate(tf, W, maps(first), centred(Float32Array.from(box)));
    return boxEnergies(tf, W, searchMaps(tf, W, maps(second)), modulation, centred(boxes)).dataSync();
  });
  const spread = Math.max(...energies) - Math.min(...energies);
  expect(spread).toBeGreaterThan(0.01);
  energies.forEach((energy, i) => expect(Math.abs(found[i]! - energy)).toBeLessThan(1e-4 * Math.abs(energy)));
});
