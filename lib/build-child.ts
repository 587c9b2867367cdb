/** The program of a build child: one order comes in, progress and one outcome go out. Started by build-process alone. */
import { loadBinding } from './binding';
import type { BuildOrder, BuildReport } from './build-messages';
import { toPlain } from './plain-error';

function report(message: BuildReport): void {
  process.send?.(message);
}

async function build(order: BuildOrder): Promise<void> {
  try {
    const result = await loadBinding().build(order, (event) => report({ kind: 'progress', event }));
    report({ kind: 'result', result });
  } catch (error) {
    report({ kind: 'error', error: toPlain(error) });
  }
}

if (process.send === undefined) {
  process.stderr.write(
    'build-child is started by buildEngine; to build from a shell: trt-node build\n',
  );
  process.exit(2);
}
// Ctrl-C reaches the whole process group; what becomes of a build then is the parent's decision.
process.on('SIGINT', () => undefined);
// The parent is gone. SIGKILL, as exit handlers of TensorRT and the driver must not delay the end of a running build.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// After the outcome the parent kills this process, so a crash in those handlers cannot hide what was built.
process.once('message', (order: BuildOrder) => void build(order));
