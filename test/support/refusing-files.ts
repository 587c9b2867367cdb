import { realFiles, type PublishFiles, type PublishHandle } from '../../lib/publish-files';

/** How the system refuses a call. `short`: a write that gets half of its bytes onto a disk that is then full. */
export type Refusal = 'ENOSPC' | 'EDQUOT' | 'EIO' | 'EROFS' | 'EACCES' | 'EMFILE' | 'short';

/** The real file system that refuses one call, whatever that is; calls are counted from 0. */
export class RefusingFiles implements PublishFiles {
  readonly calls: string[] = [];

  constructor(
    private readonly at: number,
    private readonly refusal: Refusal,
  ) {}

  async open(path: string, flags: string): Promise<PublishHandle> {
    this.count('open');
    const handle = await realFiles.open(path, flags);
    return {
      writeFile: async (data) => {
        if (this.isRefused('writeFile') && this.refusal === 'short') {
          await handle.writeFile(Buffer.from(data as string).subarray(0, data.length / 2));
          throw refused('ENOSPC');
        }
        this.refuseNow();
        await handle.writeFile(data);
      },
      sync: async () => {
        this.count('sync');
        await handle.sync();
      },
      close: async () => {
        // The descriptor is gone whatever close(2) says.
        await handle.close();
        this.count('close');
      },
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.count('rename');
    await realFiles.rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    this.count('unlink');
    await realFiles.unlink(path);
  }

  async copyFile(from: string, to: string, mode: number): Promise<void> {
    this.count('copyFile');
    await realFiles.copyFile(from, to, mode);
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.count('readFile');
    return realFiles.readFile(path);
  }

  async readdir(path: string): Promise<string[]> {
    this.count('readdir');
    return realFiles.readdir(path);
  }

  async stat(path: string): Promise<{ readonly mtimeMs: number; isFile(): boolean }> {
    this.count('stat');
    return realFiles.stat(path);
  }

  private count(name: string): void {
    this.isRefused(name);
    this.refuseNow();
  }

  private isRefused(name: string): boolean {
    this.calls.push(name);
    return this.calls.length - 1 === this.at;
  }

  private refuseNow(): void {
    if (this.calls.length - 1 !== this.at) return;
    throw refused(this.refusal === 'short' ? 'ENOSPC' : this.refusal);
  }
}

function refused(code: string): Error {
  return Object.assign(new Error(`${code}: refused by the test`), { code });
}
