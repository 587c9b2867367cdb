import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { entriesToCheck, type CompileEntry } from '../../scripts/compile-database.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-database-'));
mkdirSync(path.join(folder, 'abi'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let sources = 0;

/** The ABIs as which a source of this text is read, of three. */
function abisOf(text: string): (string | undefined)[] {
  const file = path.join(folder, 'abi', `source${sources++}.cc`);
  writeFileSync(file, text);
  const entries = ['v10', 'v11', 'rtx'].map((abi): CompileEntry => ({
    directory: folder,
    file,
    command: `c++ -DTRT_NODE_ABI=${abi} -c`,
  }));
  return entriesToCheck(entries).map(({ command }) => /ABI=(\w+)/.exec(command)?.[1]);
}

describe('entriesToCheck', () => {
  it('has a source without conditions read once', () => {
    expect(abisOf('int x;\n')).toEqual(['v10']);
    expect(abisOf('#if defined(NDEBUG)\n#endif\n// TRT_NODE_ABI_V10\n')).toEqual(['v10']);
  });

  it('has each ABI read that a condition names, and one of the others', () => {
    expect(abisOf('#if defined(TRT_NODE_ABI_V10)\n#endif\n')).toEqual(['v10', 'v11']);
    expect(abisOf('  # if !defined(TRT_NODE_ABI_RTX)\n#endif\n')).toEqual(['v10', 'rtx']);
    expect(abisOf('#if TRT_NODE_ABI_V10\n#elif TRT_NODE_ABI_RTX\n#endif\n')).toEqual([
      'v10',
      'v11',
      'rtx',
    ]);
  });

  it('has every ABI read where a condition is on TensorRT’s version', () => {
    expect(abisOf('#if NV_TENSORRT_MAJOR >= 11\n#endif\n')).toEqual(['v10', 'v11', 'rtx']);
  });

  it('looks into the headers beside it, and those that they include', () => {
    writeFileSync(
      path.join(folder, 'abi', 'outer.h'),
      '#pragma once\n#include "trt/abi/inner.h"\n',
    );
    writeFileSync(
      path.join(folder, 'abi', 'inner.h'),
      '#include "trt/abi/outer.h"\n#ifdef TRT_NODE_ABI_RTX\n#endif\n',
    );
    expect(abisOf('#include "trt/abi/outer.h"\n#include <vector>\n')).toEqual(['v10', 'rtx']);
  });

  it('has a source of several targets read once', () => {
    const file = path.join(folder, 'plain.cc');
    writeFileSync(file, '#ifdef TRT_NODE_ABI_RTX\n#endif\n');
    const entries = ['a', 'b'].map((name) => ({ directory: folder, file, command: `c++ ${name}` }));
    expect(entriesToCheck(entries)).toEqual([entries[0]]);
  });
});
