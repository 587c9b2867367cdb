/** One loaded engine with what the load needs of it: inputs of several dims, ordinary and pinned, and the answers that must come. */

/** Dims that the load goes through: each profile's smallest and its best. */
export function shapesOf(engine) {
  const profiles = engine.profiles.length > 0 ? engine.profiles : [{}];
  const shapes = profiles.flatMap((profile) =>
    ['min', 'opt'].map((end) =>
      Object.fromEntries(
        engine.inputs.map(({ name, dims }) => [name, profile[name]?.[end] ?? dims]),
      ),
    ),
  );
  // Nothing is computed of nothing.
  const full = shapes.filter((shape) => Object.values(shape).every((dims) => !dims.includes(0)));
  return [...new Map(full.map((shape) => [JSON.stringify(shape), shape])).values()];
}

export class Host {
  /**
   * @param {number} loops that use it at a time: memory for outputs is one request's, so each has its own
   * @param {Host} [before] whose answers are expected of this one too
   */
  static async open(load, loops, before) {
    const host = new Host();
    host.engine = await load();
    await host.engine.warmup();
    host.cases = shapesOf(host.engine).map((shape) => caseOf(host.engine, shape));
    for (const [i, one] of host.cases.entries()) {
      const outputs = await host.engine.infer(one.ordinary);
      one.expected =
        before?.cases[i].expected ??
        Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data.slice()]));
      one.targets = Array.from({ length: loops }, () =>
        Object.fromEntries(
          Object.entries(outputs).map(([name, { dims }]) => [
            name,
            host.engine.allocate(name, dims),
          ]),
        ),
      );
      for (const tensor of Object.values(outputs)) tensor.close();
    }
    return host;
  }

  async close() {
    await this.engine.close({ drain: true });
    for (const { pinned, targets } of this.cases) {
      for (const tensors of [pinned, ...targets]) {
        for (const tensor of Object.values(tensors)) tensor.close();
      }
    }
  }
}

/** The same numbers in every process and engine, so that answers can be compared. */
function caseOf(engine, shape) {
  const pinned = {};
  const ordinary = {};
  for (const [name, dims] of Object.entries(shape)) {
    const tensor = engine.allocate(name, dims);
    const { type, data } = tensor;
    const one = type === 'int64' ? 1n : 1;
    for (let i = 0; i < data.length; i++) data[i] = type === 'float32' ? ((i * 7) % 13) / 13 : one;
    pinned[name] = tensor;
    ordinary[name] = { type, data: data.slice(), dims };
  }
  return { pinned, ordinary, expected: {}, targets: [] };
}
