/** Marks in the contents the section that is being read. */
export function markReading(): void {
  const links = new Map(
    [...document.querySelectorAll<HTMLAnchorElement>('nav a')].map((link) => [
      link.hash.slice(1),
      link,
    ]),
  );
  const visible = new Set<string>();
  const sections = [...document.querySelectorAll('main section')];
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) visible.add(target.id);
        else visible.delete(target.id);
      }
      const reading = sections.find(({ id }) => visible.has(id))?.id;
      for (const [id, link] of links) {
        if (id === reading) link.setAttribute('aria-current', 'true');
        else link.removeAttribute('aria-current');
      }
    },
    // The upper part of the window is where people read.
    { rootMargin: '-10% 0px -60% 0px' },
  );
  for (const section of sections) watcher.observe(section);
}
