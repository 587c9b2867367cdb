import type { Readable } from 'node:stream';

const limit = 64 * 1024;

/** The end of what a child writes to a stream, in bounded memory. Reading it also keeps the child from blocking. */
export class ChildOutput {
  private chunks: Buffer[] = [];
  private size = 0;

  constructor(stream: Readable | null) {
    stream?.on('data', (chunk: Buffer) => this.add(chunk));
    // A pipe that breaks as the child dies tells nothing that its exit status does not.
    stream?.on('error', () => undefined);
  }

  /** The last `count` lines that are not empty. */
  lastLines(count: number): string[] {
    const lines = Buffer.concat(this.chunks).toString('utf8').split('\n');
    return lines.filter((line) => line.trim() !== '').slice(-count);
  }

  private add(chunk: Buffer): void {
    this.chunks.push(chunk.length > limit ? chunk.subarray(chunk.length - limit) : chunk);
    this.size += chunk.length;
    if (this.size <= 2 * limit) return;
    const tail = Buffer.concat(this.chunks);
    this.chunks = [Buffer.from(tail.subarray(Math.max(0, tail.length - limit)))];
    this.size = this.chunks[0]?.length ?? 0;
  }
}
