/** Edits of a video's objects, sent to whoever tracks. */
import type { FrameBox } from '../../geometry.js';
import { element, say } from './dom.js';
import type { Model } from './model.js';
import type { VideoService } from './service.js';

export interface Editing {
  /** Adds an object, or corrects the chosen one; where one box is picked, it waits to be used. */
  draw(box: FrameBox): Promise<void>;
  remove(object: number): Promise<void>;
  start(): Promise<void>;
  /** Picks the box that was drawn. */
  use(): Promise<void>;
  exportFile(): Promise<void>;
}

export interface EditingHandlers {
  /** The model changed. */
  onChange(): void;
  /** Nothing more can be done here. */
  onEnd(text: string): void;
}

/** @param picking the page is for drawing one box */
export function createEditing(
  service: VideoService,
  model: Model,
  picking: boolean,
  { onChange, onEnd }: EditingHandlers,
): Editing {
  return {
    async draw(box) {
      model.playing = false;
      model.draft = box;
      onChange();
      if (picking) return;
      const object = model.selected === undefined ? undefined : model.objects.get(model.selected)?.id;
      try {
        await service.draw({ frame: model.shown, box, object });
        // a correction is tracked on by itself
        model.following = object !== undefined;
      } finally {
        model.draft = undefined;
        onChange();
      }
    },
    async remove(object) {
      await service.remove(object);
    },
    async start() {
      if (model.objects.size === 0) return say('Draw a box around an object first.');
      model.following = true;
      model.playing = false;
      if (model.objects.size === 1) model.selected = [...model.objects.keys()][0];
      await service.start();
    },
    async use() {
      if (!model.draft) return say('Draw a box around the object first.');
      await service.pick({ frame: model.shown, box: model.draft });
      onEnd('The box was printed. This page can be closed.');
    },
    async exportFile() {
      const { blob, name } = await service.export(element<HTMLSelectElement>('format').value);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      say(`Saved ${name}.`);
    },
  };
}
