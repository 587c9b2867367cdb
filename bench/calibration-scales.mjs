/** What a calibration cache says, and how far two of them are apart. */

/** Per tensor, as TensorRT wrote them: the bits of a float32, most significant first. */
function scalesIn(cache) {
  const lines = cache.split('\n').slice(1).filter(Boolean);
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(': ');
      return [line.slice(0, at), Buffer.from(line.slice(at + 2), 'hex').readFloatBE()];
    }),
  );
}

export function compareScales({ python, trtNode }) {
  const [theirs, ours] = [scalesIn(python.cache), scalesIn(trtNode.cache)];
  const differences = [...ours].flatMap(([name, scale]) => {
    const other = theirs.get(name);
    if (other === undefined) return [];
    return [{ name, relative: Math.abs(scale - other) / Math.max(Math.abs(other), 1e-30) }];
  });
  differences.sort((a, b) => b.relative - a.relative);
  return {
    tensors: ours.size,
    onlyInTrtNode: [...ours.keys()].filter((name) => !theirs.has(name)),
    onlyInPython: [...theirs.keys()].filter((name) => !ours.has(name)),
    equal: differences.filter(({ relative }) => relative === 0).length,
    maxRelativeDifference: differences[0]?.relative ?? null,
    worst: differences.slice(0, 3),
    sameBytes: python.cache === trtNode.cache,
  };
}
