/** The program of a probe child: one question comes in, one answer goes out. Started by probe-process alone. */
import { fromNative, loadBinding } from './binding';
import type { ProbeJob, ProbeMessage } from './probe-process';

async function answer(job: ProbeJob): Promise<ProbeMessage> {
  try {
    const binding = loadBinding();
    switch (job.kind) {
      case 'machine':
        return {
          kind: 'answer',
          value: { abis: binding.abis, driver: await binding.probeDriver() },
        };
      case 'library':
        return { kind: 'answer', value: await binding.probeLibrary(job.files) };
    }
  } catch (error) {
    const { code, message, details, log } = fromNative(error);
    return { kind: 'error', error: { code, message, details, log } };
  }
}

process.once('message', (job: ProbeJob) => {
  void answer(job).then((message) => process.send?.(message));
});
// The parent is gone: nobody wants the answer any longer.
process.once('disconnect', () => process.exit());
