/** The list of objects: which there are, how each is in this frame, which is chosen. */
import { element } from './dom.js';
import { confidenceOf, stateOf, type Model, type ObjectView } from './model.js';

export interface ObjectHandlers {
  readonly select: (object: number) => void;
  readonly remove: (object: number) => Promise<void>;
}

export function showObjects(model: Model, handlers: ObjectHandlers): void {
  const list = element('object-list');
  for (const item of list.querySelectorAll(':scope > li')) if (!model.objects.has(idOf(item))) item.remove();
  for (const object of model.objects.values()) {
    const item =
      [...list.children].find((one) => idOf(one) === object.id) ?? list.appendChild(makeItem(object.id, handlers));
    fillItem(item, object, model);
  }
  const order = [...model.objects.keys()];
  const sorted = [...list.children].toSorted((a, b) => order.indexOf(idOf(a)) - order.indexOf(idOf(b)));
  if (sorted.some((item, i) => list.children[i] !== item)) list.replaceChildren(...sorted);
  element('new-object').classList.toggle('chosen', model.selected === undefined && model.objects.size > 0);
}

const idOf = (item: Element): number => Number((item as HTMLElement).dataset['object']);

/** Made once, so that a click that begins before a change ends on the same button. */
function makeItem(id: number, { select, remove }: ObjectHandlers): HTMLLIElement {
  const item = document.createElement('li');
  item.dataset['object'] = String(id);
  const [choose, away] = [document.createElement('button'), document.createElement('button')];
  for (const button of [choose, away]) button.type = 'button';
  choose.className = 'choose';
  choose.append(
    ...['number', 'state', 'marks'].map((name) => Object.assign(document.createElement('span'), { className: name })),
  );
  choose.addEventListener('click', () => select(id));
  away.className = 'remove';
  away.textContent = '×';
  away.title = `Remove object ${id}`;
  away.ariaLabel = away.title;
  away.addEventListener('click', () => void remove(id));
  item.append(choose, away);
  return item;
}

function fillItem(item: Element, object: ObjectView, { selected, shown }: Model): void {
  const row = object.rows[shown];
  const state = row ? stateOf(row) : 'none';
  const drawn = object.marks.some(({ frame }) => frame === shown);
  const text = row ? (drawn ? 'drawn' : `${state} ${confidenceOf(row).toFixed(2)}`) : 'not in this frame';
  item.classList.toggle('chosen', object.id === selected);
  const choose = item.querySelector('.choose')!;
  choose.ariaPressed = String(object.id === selected);
  set(choose, '.number', String(object.id));
  set(choose, '.state', text);
  set(
    choose,
    '.marks',
    object.running ? 'tracking …' : object.complete ? marksText(object.marks.length) : 'not tracked yet',
  );
  (item as HTMLElement).dataset['state'] = state;
}

function set(parent: Element, selector: string, text: string): void {
  const part = parent.querySelector(selector)!;
  if (part.textContent !== text) part.textContent = text;
}

const marksText = (count: number): string => (count === 1 ? '' : `${count - 1} correction${count === 2 ? '' : 's'}`);
