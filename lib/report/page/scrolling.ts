/** A table that is wider than its place is scrolled by the arrow keys: that needs the focus, which others need not have. */
export function reachableScrolling(): void {
  const watcher = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const isWider = target.scrollWidth > target.clientWidth;
      const name = target.querySelector('caption')?.textContent ?? 'Table';
      const attributes = { tabindex: '0', role: 'region', 'aria-label': name };
      for (const [attribute, value] of Object.entries(attributes)) {
        if (isWider) target.setAttribute(attribute, value);
        else target.removeAttribute(attribute);
      }
    }
  });
  for (const place of document.querySelectorAll('.scroll')) watcher.observe(place);
}
