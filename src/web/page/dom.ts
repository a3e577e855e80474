/** An element of index.html. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Told to people, until the next click or key; without text it goes. */
export function say(text: string, kind: 'note' | 'error' = 'note'): void {
  const message = element('message');
  message.textContent = text;
  message.className = kind;
  message.hidden = text === '';
}
