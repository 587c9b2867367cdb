import { realFiles, type PublishFiles, type PublishHandle } from '../../lib/publish-files';

/** What happens at a step: nothing special, the system refuses it, or the process is killed before it. */
type Fault = { readonly at: number; readonly kind: 'refuse' | 'kill'; readonly errno?: string };

/** The real file system that records every step which changes something, and can fail at one of them. */
export class RecordingFiles implements PublishFiles {
  readonly steps: string[] = [];
  private killed = false;

  constructor(
    private readonly nameOf: (path: string) => string,
    private readonly fault: Fault | null = null,
  ) {}

  async open(path: string, flags: string): Promise<PublishHandle> {
    const name = this.nameOf(path);
    if (flags !== 'r') this.step(`create ${name}`);
    else this.alive();
    const handle = await realFiles.open(path, flags);
    const step = (text: string): void => {
      this.step(text);
    };
    return {
      async writeFile(data) {
        step(`write ${name}`);
        await handle.writeFile(data);
      },
      async sync() {
        step(`sync ${name}`);
        await handle.sync();
      },
      close: () => handle.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.step(`rename ${this.nameOf(from)} ${this.nameOf(to)}`);
    await realFiles.rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    this.alive();
    await realFiles.unlink(path);
  }

  async copyFile(from: string, to: string, mode: number): Promise<void> {
    this.step(`copy ${this.nameOf(from)} ${this.nameOf(to)}`);
    await realFiles.copyFile(from, to, mode);
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.alive();
    return realFiles.readFile(path);
  }

  async readdir(path: string): Promise<string[]> {
    this.alive();
    return realFiles.readdir(path);
  }

  async stat(path: string): Promise<{ readonly mtimeMs: number; isFile(): boolean }> {
    this.alive();
    return realFiles.stat(path);
  }

  private step(text: string): void {
    this.alive();
    if (this.fault?.at === this.steps.length) {
      this.steps.push(text);
      const { kind, errno = 'EIO' } = this.fault;
      if (kind === 'refuse') throw Object.assign(new Error(`${errno}: ${text}`), { code: errno });
      this.killed = true;
      this.alive();
    }
    this.steps.push(text);
  }

  /** After a kill nothing happens any more, clean-up included. */
  private alive(): void {
    if (this.killed) throw new Error('the process is gone');
  }
}
