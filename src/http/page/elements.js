// Short forms for finding, making and changing elements of the document.

const byId = (id) => document.getElementById(id);

const newElement = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

/** Sets a text only when it differs, so that a screen reader does not read the same text again. */
const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/** Fills a definition list with names and values, only when they differ from what it shows. */
const setDefinitions = (list, pairs) => {
  const text = JSON.stringify(pairs);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  const entries = pairs.flatMap(([name, value]) => [newElement('dt', '', name), newElement('dd', '', value)]);
  list.replaceChildren(...entries);
};
