/** Hints for a person on what to do next. */
import type { Model } from './model.js';

/** Hint for the model's state. */
export function hintOf(model: Model, running: boolean, picking: boolean): string {
  if (picking) return model.draft ? 'Enter uses this box; drag to draw another.' : 'Drag a box around the object.';
  if (model.objects.size === 0) return 'Drag a box around an object, then press Enter.';
  const chosen = model.selected !== undefined;
  if (running) return chosen ? `Tracking. Drag to correct object ${model.selected}.` : 'Tracking.';
  if ([...model.objects.values()].some(({ complete }) => !complete))
    return 'Enter tracks it. Drag to add another object.';
  return chosen
    ? `Drag to correct object ${model.selected} from this frame on.`
    : 'Drag to add an object; click one to correct it.';
}
