/** TEST ONLY. Locks on folders as flock(2) has them: on what is at the path now, and in one process. */
import { stat } from 'node:fs/promises';
import type { NativeBinding } from '../../lib/binding';
import { TrtError } from '../../lib/errors';

export class FakeLocks {
  readonly held = new Map<string, number>();
  /** A file system without locks: everybody gets one. */
  works = true;
  /** Called before each try: what else happens at that moment. */
  beforeTry: ((folder: string) => Promise<void>) | null = null;
  /** Called when somebody does not get a lock that another one holds. */
  onRefusal: (() => void) | null = null;

  readonly lockFolder: NativeBinding['lockFolder'] = async (folder) => {
    await this.beforeTry?.(folder);
    const stats = await stat(folder, { bigint: true }).catch(() => null);
    if (stats === null) throw new TrtError('ERR_TRT_WRITE', `cannot open ${folder}`);
    const name = `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`;
    const count = this.held.get(name) ?? 0;
    if (count > 0 && this.works) {
      this.onRefusal?.();
      throw new TrtError('ERR_TRT_WRITE', `${folder} is locked`);
    }
    this.held.set(name, count + 1);
    let released = false;
    return {
      release: () => {
        if (!released) this.held.set(name, (this.held.get(name) ?? 1) - 1);
        released = true;
      },
    };
  };

  /** How many locks are held now. */
  get count(): number {
    return [...this.held.values()].reduce((sum, each) => sum + each, 0);
  }
}
