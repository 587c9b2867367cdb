/** The anchors of sections: their ids, as far as an address can have them, and no two alike. The page's own begin with `page-`. */
export function anchorsOf(sections: readonly { readonly id: string }[]): string[] {
  const taken = new Set<string>();
  return sections.map(({ id }) => {
    const base = id.replace(/[^\w-]+/g, '-').replace(/^page-/, 'section-') || 'section';
    let anchor = base;
    for (let next = 2; taken.has(anchor); next++) anchor = `${base}-${next}`;
    taken.add(anchor);
    return anchor;
  });
}
