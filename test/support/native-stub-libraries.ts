/** TEST ONLY. Libraries that have TensorRT's file names and entry points and no TensorRT inside: for refusals. */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface StubLibrary {
  readonly file: string;
  /** What getInferLibVersion answers; left out, the library does not export it. */
  readonly version?: number;
  /** The factories that it exports. Every one of them aborts: a refusal must not call any. */
  readonly factories?: readonly ('Builder' | 'Runtime')[];
  /** What getNvOnnxParserVersion answers: it is a parser then. */
  readonly parserVersion?: number;
  /** C statements that run while the library is being opened. */
  readonly whenOpened?: string;
}

function sourceOf({ version, factories = [], parserVersion, whenOpened }: StubLibrary): string {
  return [
    '#include <signal.h>',
    '#include <stdlib.h>',
    '#include <unistd.h>',
    version === undefined ? '' : `int getInferLibVersion(void) { return ${version}; }`,
    ...factories.map(
      (name) => `void* createInfer${name}_INTERNAL(void* logger, int version) { abort(); }`,
    ),
    parserVersion === undefined
      ? ''
      : `int getNvOnnxParserVersion(void) { return ${parserVersion}; }
         void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) { abort(); }`,
    whenOpened === undefined
      ? ''
      : `__attribute__((constructor)) static void opened(void) { ${whenOpened} }`,
  ].join('\n');
}

/** Compiles the libraries into `folder`, which is made, with the C compiler that the addon's build needs as well. */
export async function compileStubs(
  folder: string,
  ...stubs: readonly StubLibrary[]
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const stub of stubs) {
    const source = path.join(folder, `${stub.file}.c`);
    await writeFile(source, sourceOf(stub));
    execFileSync(process.env['CC'] ?? 'cc', [
      ...['-shared', '-fPIC', '-w', '-o', path.join(folder, stub.file), source],
    ]);
  }
  return folder;
}
