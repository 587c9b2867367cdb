/** ONNX's own domain has two spellings. */
function normalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** `Conv` of ONNX's own domain, `com.microsoft:Gelu` of any other. */
export function operatorName(domain: string, type: string): string {
  const normal = normalDomain(domain);
  return normal === '' ? type : `${normal}:${type}`;
}

/** The parts of an `operatorName`; ONNX's own domain is `ai.onnx`. */
export function operatorParts(name: string): { readonly domain: string; readonly type: string } {
  const at = name.lastIndexOf(':');
  return at === -1
    ? { domain: 'ai.onnx', type: name }
    : { domain: name.slice(0, at), type: name.slice(at + 1) };
}

/** `ai.onnx` for both of its spellings. */
export function domainName(domain: string): string {
  return normalDomain(domain) === '' ? 'ai.onnx' : domain;
}

/** Counts nodes by their operator. */
export class OperatorCensus {
  private readonly entries = new Map<string, { readonly name: string; count: number }>();
  /** Of all nodes. */
  nodes = 0;

  /** Returns the operator's name: the same string for each of its nodes, so that a list of nodes is one of references. */
  add(domain: string, type: string): string {
    const name = operatorName(domain, type);
    this.nodes += 1;
    const entry = this.entries.get(name);
    if (entry === undefined) {
      this.entries.set(name, { name, count: 1 });
      return name;
    }
    entry.count += 1;
    return entry.name;
  }

  counts(): ReadonlyMap<string, number> {
    return new Map([...this.entries.values()].map(({ name, count }) => [name, count]));
  }
}
