/** The program of a probe child: one question comes in, one answer goes out. Started by probe-process alone. */
import { loadBinding } from './binding';
import { toPlain } from './plain-error';
import type { ProbeJob, ProbeMessage } from './probe-process';

async function answer(job: ProbeJob): Promise<ProbeMessage> {
  try {
    const binding = loadBinding();
    switch (job.kind) {
      case 'machine':
        return {
          kind: 'answer',
          value: {
            abis: binding.abis,
            driver: await binding.probeDriver(),
            gpuStates: await binding.gpuStates(),
          },
        };
      case 'library':
        return { kind: 'answer', value: await binding.probeLibrary(job.files) };
    }
  } catch (error) {
    return { kind: 'error', error: toPlain(error) };
  }
}

process.once('message', (job: ProbeJob) => {
  void answer(job).then((message) => process.send?.(message));
});
// The parent is gone: nobody wants the answer any longer.
process.once('disconnect', () => process.exit());
