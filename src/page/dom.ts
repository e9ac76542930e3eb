/** Elements of the page. Texts become text nodes, so no name of the cluster is ever read as markup. */

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no element ${id}`);
  return found;
}

export const list = (items: readonly string[]): HTMLUListElement =>
  element('ul', {}, ...items.map((item) => element('li', {}, item)));

export function button(text: string, isEnabled: boolean, act: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button' }, text);
  made.disabled = !isEnabled;
  made.addEventListener('click', act);
  return made;
}
