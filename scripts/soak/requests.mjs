/** The kinds of requests that the mixed load is made of. Each checks what comes back. */

/** Each takes an engine, one of its cases and the loop's number. */
export const requests = {
  async ordinary({ engine }, one) {
    check(one, await engine.infer(one.ordinary));
  },

  async pinned({ engine }, one) {
    check(one, await engine.infer(one.pinned));
  },

  async intoArrays({ engine }, one, loop) {
    check(one, await engine.infer(one.pinned, { outputs: one.targets[loop] }));
  },

  async timed({ engine }, one) {
    const { outputs, timing } = await engine.inferTimed(one.ordinary);
    check(one, outputs);
    if (!(timing.compute >= 0)) throw new Error(`compute took ${timing.compute} ms`);
  },

  async onDevice({ engine }, one) {
    const wanted = Object.fromEntries(engine.outputs.map(({ name }) => [name, 'device']));
    const outputs = await engine.infer(one.ordinary, { outputs: wanted });
    const entries = Object.entries(outputs);
    try {
      const data = await Promise.all(entries.map(([, tensor]) => tensor.getData()));
      check(one, Object.fromEntries(entries.map(([name], i) => [name, { data: data[i] }])));
    } finally {
      await Promise.all(entries.map(([, tensor]) => tensor.close()));
    }
  },

  async aborted({ engine }, one) {
    const controller = new AbortController();
    const answer = engine.infer(one.ordinary, { signal: controller.signal });
    controller.abort();
    await expectError(answer, 'AbortError');
  },

  /** It may be done in time. */
  async late({ engine }, one) {
    try {
      check(one, await engine.infer(one.ordinary, { deadlineMs: 0.01 }));
    } catch (error) {
      if (error.code !== 'ERR_TRT_DEADLINE') throw error;
    }
  },

  async refused({ engine }) {
    await expectError(engine.infer({}), 'ERR_TRT_INPUT_MISSING');
  },

  /** It blocks the event loop, so it comes alone. */
  async sync({ engine }, one) {
    check(one, engine.inferSync(one.ordinary));
  },
};

function check({ expected }, outputs) {
  for (const [name, data] of Object.entries(expected)) {
    const got = outputs[name]?.data;
    const bytes = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    if (got === undefined || !bytes(got).equals(bytes(data))) {
      throw new Error(`output ${name} is another than the first time`);
    }
  }
}

async function expectError(promise, expected) {
  const got = await promise.then(
    () => 'an answer',
    (error) => error.code ?? error.name,
  );
  // An AbortError of Node's has both a number as its code and its name.
  const name = got === 20 ? 'AbortError' : got;
  if (name !== expected) throw new Error(`expected ${expected} but got ${name}`);
}
