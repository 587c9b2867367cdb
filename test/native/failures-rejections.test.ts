import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { BuildOptions } from '../../lib/index';
import {
  codeWithoutGpu,
  digits,
  requireRtx,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { unknownOperator } from '../support/native-models';
import { runNode } from '../support/native-processes';

await requireRtx();
const folder = await temporaryFolder();

it('#49 #55 every rejection names its caller, none is left unhandled, and the process ends by itself', async () => {
  const plan = path.join(folder, 'good.engine');
  const broken = path.join(folder, 'broken.onnx');
  await fs.writeFile(broken, unknownOperator());
  const images = { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] };
  const options: BuildOptions = { runtime: 'tensorrt-rtx', computeCapabilities: ['8.6'] };
  await trtNode.buildEngine(digits, { ...options, profiles: [{ images }], output: plan });

  const exit = await runNode('rejections.cjs', [folder, digits, plan, broken], {
    deadlineMs: 100_000,
  });
  expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
  const { seen, unhandled } = JSON.parse(exit.stdout) as {
    seen: Record<string, { code: string; named: boolean }>;
    unhandled: string[];
  };
  expect(unhandled).toEqual([]);
  const codes = Object.fromEntries(Object.entries(seen).map(([what, { code }]) => [what, code]));
  const gpu = await codeWithoutGpu();
  expect(codes).toEqual({
    'build: no model': 'ERR_TRT_INVALID_ARG',
    'build: unknown option': 'ERR_TRT_INVALID_ARG',
    'build: missing model': 'ERR_TRT_ONNX_NOT_FOUND',
    'build: rubbish': 'ERR_TRT_ONNX_INVALID',
    'build: rubbish bytes': 'ERR_TRT_ONNX_INVALID',
    'build: no profile': 'ERR_TRT_PROFILE_MISSING',
    'build: bad profile': 'ERR_TRT_PROFILE_INVALID',
    'build: precision': 'ERR_TRT_PRECISION_UNSUPPORTED',
    'build: library': 'ERR_TRT_LIBRARY_LOAD',
    'build: output': 'ERR_TRT_WRITE',
    'build: in the child': 'ERR_TRT_ONNX_PARSE',
    'load: no plan': 'ERR_TRT_INVALID_ARG',
    'load: unknown option': 'ERR_TRT_INVALID_ARG',
    'load: missing plan': 'ERR_TRT_ENGINE_NOT_FOUND',
    'load: rubbish': 'ERR_TRT_ENGINE_INVALID',
    'load: rubbish bytes': 'ERR_TRT_ENGINE_INVALID',
    'load: without a GPU': gpu,
    'load: built, without a GPU': gpu,
    'built: bytes that are gone': 'ERR_TRT_ENGINE_NOT_FOUND',
    'built: save what is gone': 'ERR_TRT_WRITE',
    'built: save to no folder': 'ERR_TRT_WRITE',
    'built: save to no path': 'ERR_TRT_INVALID_ARG',
    'probe: bad option': 'ERR_TRT_INVALID_ARG',
  });
  const nameless = Object.entries(seen).filter(([, { named }]) => !named);
  expect(nameless.map(([what]) => what)).toEqual([]);
});
