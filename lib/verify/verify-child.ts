/** The program of a verify child: calls come in, each is answered. Started by host-in-child alone. */
import { loadBinding } from '../binding';
import { toPlain } from '../plain-error';
import { hostInThisProcess } from './host';
import type { VerifyAnswer, VerifyCall, VerifyStarted } from './messages';
import { toPlainTensors, type PlainTensors } from './plain-tensors';
import type { Tensors } from '../tensor';

interface Runner {
  infer(inputs: PlainTensors): Promise<Tensors>;
}

const host = hostInThisProcess({
  // Each call loads the addon, so that where it is missing the call is answered with that.
  probeDriver: () => loadBinding().probeDriver(),
  readPlan: (path) => loadBinding().readPlan(path),
  loadEngine: (request) => loadBinding().loadEngine(request),
});
const runners: Runner[] = [];

async function carryOut({ id, call }: VerifyCall): Promise<VerifyAnswer> {
  switch (call.kind) {
    case 'open': {
      const engine = await host.open(call.planPath, call.setup);
      const { inputs, outputs, profiles } = engine;
      const runner = runners.push(engine) - 1;
      return { id, kind: 'engine', engine: { runner, inputs, outputs, profiles } };
    }
    case 'openReference': {
      const reference = await host.openReference(call.modelPath);
      return { id, kind: 'reference', runner: runners.push(reference) - 1 };
    }
    case 'infer': {
      const outputs = await (runners[call.runner] as Runner).infer(call.inputs);
      return { id, kind: 'outputs', outputs: toPlainTensors(outputs) };
    }
  }
}

function send(message: VerifyAnswer | VerifyStarted): void {
  process.send?.(message);
}

async function answer(call: VerifyCall): Promise<void> {
  try {
    send(await carryOut(call));
  } catch (error) {
    send({ id: call.id, kind: 'error', error: toPlain(error) });
  }
}

if (process.send === undefined) {
  process.stderr.write(
    'verify-child is started by buildEngine; to build from a shell: trt-node build\n',
  );
  process.exit(2);
}
// Ctrl-C reaches the whole process group; what becomes of a verification then is the parent's decision.
process.on('SIGINT', () => undefined);
// The parent is gone. SIGKILL, as exit handlers of TensorRT and the driver must not delay the end.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', (call: VerifyCall) => void answer(call));
send({ kind: 'started' });
