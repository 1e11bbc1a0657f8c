/* global document, getComputedStyle */
// Runs in the page. Gives what a reader of the screen, or one without good eyes, would stumble over.
(() => {
  const found = [];
  const all = selector => [...document.querySelectorAll(selector)];
  const nameOf = element => (element.getAttribute('aria-label') ?? element.textContent).trim();
  const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);

  if (document.documentElement.lang === '') found.push('The document has no language.');
  if (document.title === '') found.push('The document has no title.');
  for (const landmark of ['header', 'main', 'footer', 'h1'])
    if (all(landmark).length !== 1) found.push(`There are ${all(landmark).length} elements ${landmark}.`);
  let level = 0;
  for (const heading of all('h1, h2, h3, h4')) {
    const next = Number(heading.tagName.slice(1));
    if (next > level + 1) say('A heading level is left out', heading);
    if (nameOf(heading) === '') say('A heading without text', heading);
    level = next;
  }
  const ids = all('[id]').map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.filter(other => other === id).length > 1) found.push(`Twice the id ${id}`);
  for (const element of all('a, button, summary, nav, section, [role=region], [role=img], [role=log]')) {
    const by = element.getAttribute('aria-labelledby');
    const label = by === null ? nameOf(element) : (document.getElementById(by)?.textContent ?? '');
    if (label === '') say('Without a name', element);
  }
  for (const image of all('img')) if (!image.hasAttribute('alt')) say('An image without alt', image);
  for (const svg of document.querySelectorAll('svg'))
    if (svg.getAttribute('role') !== 'img' && svg.getAttribute('aria-hidden') !== 'true')
      say('A drawing without a role', svg);
  for (const table of all('table')) {
    if (!table.querySelector('caption')?.textContent) say('A table without a caption', table);
    if (table.querySelector('th:not([scope])')) say('A heading cell without its scope', table);
  }
  for (const element of all('*')) {
    const { overflowX, overflowY } = getComputedStyle(element);
    const scrolls =
      (overflowX === 'auto' && element.scrollWidth > element.clientWidth) ||
      (overflowY === 'auto' && element.scrollHeight > element.clientHeight);
    if (scrolls && element.tabIndex < 0) say('The keyboard cannot scroll it', element);
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
    found.push(
      `The page is ${document.documentElement.scrollWidth} wide, the window ${document.documentElement.clientWidth}.`,
    );
  return found;
})();
