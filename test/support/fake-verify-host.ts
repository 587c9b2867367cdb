/** TEST ONLY. A verification whose engines are functions; no test that uses it says anything about TensorRT. */
import type { Manifest, Profile, TensorInfo, VerificationRecord } from '../../lib/manifest-schema';
import { Tensor, type Tensors } from '../../lib/tensor';
import type { VerifyEngine, VerifyHost } from '../../lib/verify/host';
import { checkedVerify, type VerifyOption } from '../../lib/verify/option';
import { fromPlainTensors, type PlainTensors } from '../../lib/verify/plain-tensors';
import { verifyThrough, type VerifySubject } from '../../lib/verify/verify';
import { tensorInfo } from './fake-native-engine';
import { manifestFixture } from './manifests';

export type Compute = (inputs: Tensors) => Tensors | Promise<Tensors>;

/** y = 2 x, row by row. */
export const doubling: Compute = ({ x }) => ({
  y: new Tensor(
    'float32',
    (x!.data as Float32Array).map((value) => 2 * value),
    x!.dims,
  ),
});

export interface FakeMachine {
  /** By the path of the plan. */
  readonly engines: Readonly<Record<string, Compute>>;
  readonly reference?: Compute;
  readonly inputs?: readonly TensorInfo[];
  readonly outputs?: readonly TensorInfo[];
  readonly profiles?: readonly Profile[];
}

/** What happened on a fake machine. */
export interface Seen {
  readonly opened: string[];
  /** What each engine's plan had to be. */
  readonly digests: (string | null)[];
  closed: number;
  running: number;
  mostRunning: number;
}

const dynamic: Required<Pick<FakeMachine, 'inputs' | 'outputs' | 'profiles'>> = {
  inputs: [tensorInfo('x', 'float32', [-1, 2])],
  outputs: [tensorInfo('y', 'float32', [-1, 2])],
  profiles: [{ x: { min: [1, 2], opt: [2, 2], max: [4, 2] } }],
};

function fakeHost(machine: FakeMachine, seen: Seen): VerifyHost {
  const runner = (compute: Compute) => async (given: PlainTensors) => {
    seen.running += 1;
    seen.mostRunning = Math.max(seen.mostRunning, seen.running);
    try {
      // As in a child, the outcome never comes at once.
      await new Promise((resolve) => setImmediate(resolve));
      return await compute(fromPlainTensors(given));
    } finally {
      seen.running -= 1;
    }
  };
  return {
    async open(planPath, { sha256 }): Promise<VerifyEngine> {
      seen.opened.push(planPath);
      seen.digests.push(sha256);
      const compute = machine.engines[planPath];
      if (compute === undefined) throw new Error(`no plan at ${planPath}`);
      return { ...dynamic, ...machine, infer: runner(compute) };
    },
    async openReference(modelPath) {
      seen.opened.push(modelPath);
      const compute = machine.reference;
      if (compute === undefined) throw new Error('no reference');
      return { infer: runner(compute), close: () => Promise.resolve() };
    },
    async close() {
      seen.closed += 1;
    },
  };
}

export interface FakeRun {
  readonly machine?: Partial<FakeMachine>;
  readonly manifest?: Partial<Manifest>;
  readonly subject?: Partial<VerifySubject>;
  readonly seen?: Seen;
}

export function nothingSeen(): Seen {
  return { opened: [], digests: [], closed: 0, running: 0, mostRunning: 0 };
}

/** Verifies the plan `plan`, which doubles its input if nothing else is said. */
export async function verifyOn(
  verify: VerifyOption,
  { machine = {}, manifest = {}, subject = {}, seen = nothingSeen() }: FakeRun = {},
): Promise<VerificationRecord> {
  const checked = checkedVerify(verify);
  if (checked === null) throw new Error('no option');
  const whole: VerifySubject = {
    planPath: 'plan',
    manifest: manifestFixture('the plan', manifest),
    modelPath: 'model.onnx',
    checkModel: () => Promise.resolve(),
    library: { files: { core: '/lib/libnvinfer.so.10', parser: null } },
    device: 0,
    unquantized: null,
    plugins: [],
    standardPlugins: false,
    signal: null,
    onProgress: null,
    ...subject,
  };
  const engines = { plan: doubling, ...machine.engines };
  return verifyThrough(() => fakeHost({ ...machine, engines }, seen), checked, whole);
}

/** A case of one row each. */
export function rowsCase(
  values: readonly number[],
  expected?: readonly number[],
): { inputs: Tensors; outputs?: Tensors } {
  const tensor = (data: readonly number[]): Tensor<'float32'> =>
    new Tensor('float32', Float32Array.from(data), [data.length / 2, 2]);
  const inputs = { x: tensor(values) };
  return expected === undefined ? { inputs } : { inputs, outputs: { y: tensor(expected) } };
}
