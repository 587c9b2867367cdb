import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = path.resolve('scripts/check-odr.mjs');

/** What stands for TensorRT here: a flag whose value differs per ABI, as `BuilderFlag::kVERSION_COMPATIBLE`'s does. */
const vendorHeader = 'namespace nvinfer1 { enum class Flag { kX = VALUE }; }';

const useIt = '#include "backend.h"\nint Run() { return Entry(); }';

describe('check-odr', () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-odr-'));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Compiles one source as two backends and lets the script look at them. */
  function check(name: string, headers: Record<string, string>) {
    const project = path.join(folder, name);
    const native = path.join(project, 'native');
    fs.mkdirSync(path.join(project, 'vendor'), { recursive: true });
    fs.mkdirSync(native, { recursive: true });
    fs.writeFileSync(path.join(project, 'vendor', 'NvInfer.h'), vendorHeader);
    for (const [file, text] of Object.entries(headers)) {
      fs.writeFileSync(path.join(native, file), text);
    }
    fs.writeFileSync(path.join(native, 'backend.cc'), useIt);
    for (const [abi, value] of [
      ['v10', 13],
      ['v11', 12],
    ] as const) {
      const objects = path.join(project, 'build', 'CMakeFiles', `trt_${abi}.dir`);
      fs.mkdirSync(objects, { recursive: true });
      // -O0: the optimizer would inline the evidence away.
      const defines = [`-DTRT_NODE_ABI=${abi}`, `-Dnvinfer1=nvinfer1_${abi}`, `-DVALUE=${value}`];
      const includes = [`-I${native}`, `-I${path.join(project, 'vendor')}`];
      const files = ['-c', path.join(native, 'backend.cc'), '-o', path.join(objects, 'backend.o')];
      execFileSync('g++', ['-std=c++20', '-O0', ...defines, ...includes, ...files]);
    }
    const args = ['--build', path.join(project, 'build'), '--native', native];
    const result = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
    return { status: result.status, errors: result.stderr };
  }

  it('fails on an inline function that sees TensorRT outside the ABI namespace', () => {
    const { status, errors } = check('shared-inline', {
      'backend.h': `#include "NvInfer.h"
        namespace trtnode { inline int FlagOf() { return static_cast<int>(nvinfer1::Flag::kX); } }
        inline int Entry() { return trtnode::FlagOf(); }`,
    });
    expect(status).toBe(1);
    expect(errors).toContain('trtnode::FlagOf()');
    expect(errors).toContain('v10, v11');
  });

  it('finds a static of an inline function, and what lies in no namespace', () => {
    const { status, errors } = check('statics', {
      'backend.h': `#include "NvInfer.h"
        struct Table { virtual ~Table() = default; int flag = static_cast<int>(nvinfer1::Flag::kX); };
        inline int Entry() { static Table table; return table.flag; }`,
    });
    expect(status).toBe(1);
    expect(errors).toContain('Entry()::table');
    expect(errors).toContain('vtable for Table');
  });

  it('finds through includes which header sees TensorRT', () => {
    const { status, errors } = check('transitive', {
      'flags.h': '#include "NvInfer.h"\n',
      'backend.h': `#include "flags.h"
        namespace trtnode { inline int Unused() { return 1; } }
        static int Entry() { return 2; }`,
    });
    expect(status).toBe(1);
    expect(errors).toContain('backend.h');
  });

  it('accepts the ABI namespace, the standard library and headers without TensorRT', () => {
    const { status, errors } = check('apart', {
      'text.h': `#pragma once
        #include <string>
        #include <vector>
        namespace trtnode { struct Text { virtual ~Text() = default; std::string s; };
          template <typename T> std::vector<T> Twice(T t) { static T last; last = t; return {t, last}; } }`,
      'backend.h': `#include "NvInfer.h"
        #include "text.h"
        namespace trtnode::TRT_NODE_ABI {
          inline int FlagOf() { return static_cast<int>(nvinfer1::Flag::kX); } }
        static int Entry() { trtnode::Text t; t.s = "x";
          return trtnode::TRT_NODE_ABI::FlagOf() + static_cast<int>(trtnode::Twice(t).size()); }`,
    });
    expect(errors).toBe('');
    expect(status).toBe(0);
  });

  it('fails when there is nothing to compare', () => {
    const empty = path.join(folder, 'empty');
    fs.mkdirSync(empty);
    const args = ['--build', empty, '--native', empty];
    const { status } = spawnSync(process.execPath, [script, ...args]);
    expect(status).toBe(1);
  });
});
