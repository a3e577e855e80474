import { expect, test, vi } from 'vitest';
import { openPublished, type PublishedNetworks, type Sight } from '../../src/published/networks.js';
import { PublishedObject, type Outcome } from '../../src/published/object.js';
import { createRandom } from '../../src/random.js';
import { fixtureModel, fixtureRules, readFixture } from '../../tools/published/fixture.js';
import { seededBox, seededFrame } from '../../tools/published/seeded.js';

vi.setConfig({ testTimeout: 300_000 });
const OPTIONS = { threads: 1, provider: 'cpu' } as const;

/** Networks of which one call can be made to fail. */
function fragile(networks: PublishedNetworks): PublishedNetworks & { fail: boolean } {
  return {
    fail: false,
    device: networks.device,
    begin: (picture) => networks.begin(picture),
    refer: (sight, box) => networks.refer(sight, box),
    firstFilter: (memory) => networks.firstFilter(memory),
    async learn(...args) {
      if (this.fail) throw new Error('the device is gone');
      return networks.learn(...args);
    },
    look: (crops) => networks.look(crops),
    refine: (...args) => networks.refine(...args),
    release: () => networks.release(),
  };
}

async function begin(name: string) {
  const fixture = await readFixture(name);
  const model = fixtureModel(fixture);
  // few samples: the memory is full soon, and places are used again
  const rules = { ...fixtureRules(fixture, model), samples: 17 };
  const networks = fragile(await openPublished(model, OPTIONS, rules));
  const object = await PublishedObject.begin(model, rules, networks, seededFrame(0), seededBox(0), createRandom(11));
  const follow = async (index: number): Promise<Outcome> => {
    const frame = seededFrame(index);
    const search = object.search(frame);
    const [sight] = await networks.look([{ pixels: search.pixels, filter: object.filter }]);
    return object.follow(frame, search, sight!);
  };
  return { networks, object, follow };
}

test('a frame that fails, or is taken back, leaves no trace', async () => {
  const plain = await begin('tiny-super-dimp');
  const expected: Outcome[] = [];
  for (let i = 1; i < 8; i++) expected.push(await plain.follow(i));
  // the call that fails is one that learns
  expect(expected.filter(({ flag }) => flag === 'hard_negative').length).toBeGreaterThan(2);
  await plain.networks.release();

  const { networks, object, follow } = await begin('tiny-super-dimp');
  const found: Outcome[] = [];
  for (let i = 1; i < 8; i++) {
    networks.fail = true;
    await follow(i).catch((error: Error) => expect(error.message).toMatch(/gone/));
    if (expected[i - 1]!.flag === 'uncertain') object.undo();
    networks.fail = false;
    await follow(i);
    object.undo();
    found.push(await follow(i));
  }
  await networks.release();
  expect(found).toEqual(expected);
});

test('an object that is moved is searched for about its new place, with the scale of its new size', async () => {
  const { networks, object } = await begin('tiny-prdimp');
  const before = object.search(seededFrame(1));
  object.moveTo({ x: 180, y: 120, w: 88, h: 72 });
  const after = object.search(seededFrame(1));
  await networks.release();
  expect(object.box).toEqual({ x: 180, y: 120, w: 88, h: 72 });
  expect(after.scale / before.scale).toBeGreaterThan(1.3);
  expect(after.centre[1]).toBeGreaterThan(before.centre[1]);
});

test('the memory is that of one object: two that share networks are as each alone', async () => {
  const fixture = await readFixture('tiny-super-dimp');
  const model = fixtureModel(fixture);
  const rules = fixtureRules(fixture, model);
  const networks = await openPublished(model, OPTIONS, rules);
  const boxes = [seededBox(0), { x: 30, y: 150, w: 40, h: 30 }];
  const run = async (which: readonly number[]): Promise<Outcome[][]> => {
    const objects = await Promise.all(
      which.map((i) => PublishedObject.begin(model, rules, networks, seededFrame(0), boxes[i]!, createRandom(11))),
    );
    const rows: Outcome[][] = [];
    for (let index = 1; index < 4; index++) {
      const frame = seededFrame(index);
      const searches = objects.map((object) => object.search(frame));
      const crops = searches.map(({ pixels }, i) => ({ pixels, filter: objects[i]!.filter }));
      const sights: Sight[] = [];
      for (const crop of crops) sights.push(...(await networks.look([crop])));
      rows.push(await Promise.all(objects.map((object, i) => object.follow(frame, searches[i]!, sights[i]!))));
    }
    return rows;
  };
  const both = await run([0, 1]);
  const alone = [await run([0]), await run([1])];
  await networks.release();
  for (const [index, row] of both.entries()) expect(row).toEqual([alone[0]![index]![0], alone[1]![index]![0]]);
});
