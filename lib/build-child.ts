/** The program of a build child: one task comes in, progress and one outcome go out. Started by child-task alone. */
import { loadBinding } from './binding';
import type { ChildReport, ChildResults, ChildTask } from './build-messages';
import { toPlain } from './plain-error';

function report(message: ChildReport): void {
  process.send?.(message);
}

async function carryOut(task: ChildTask): Promise<ChildResults[keyof ChildResults]> {
  const binding = loadBinding();
  switch (task.kind) {
    case 'build':
      return await binding.build(task.request, (event) => report({ kind: 'progress', event }));
    case 'inspect':
      return await binding.inspectModel(task.request);
  }
}

async function answer(task: ChildTask): Promise<void> {
  try {
    report({ kind: 'result', result: await carryOut(task) });
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
process.once('message', (task: ChildTask) => void answer(task));
report({ kind: 'started' });
