/** Creates an element with a class that is also its shadow part, so that pages can style it. */
export function create<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  part = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (part) {
    element.className = part;
    element.setAttribute("part", part);
  }
  element.append(...children);
  return element;
}

/** A text that a device chose. Its writing direction cannot affect the text around it. */
export function isolated(text: string): HTMLElement {
  return create("bdi", "", text);
}
