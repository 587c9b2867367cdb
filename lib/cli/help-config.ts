/** `trt-node help config` */
export const configHelp = `trt-node.config.ts lists engines, and \`trt-node build\` builds them:

  import { defineConfig } from 'trt-node';

  export default defineConfig({
    defaults: { computeCapabilities: ['8.6', '8.9'], cache: true },
    models: {
      detector: { model: 'models/detector.onnx', output: 'build/detector.engine', profiles: [{ batch: [1, 8, 32] }] },
      ocr: { model: 'models/ocr.onnx', precision: 'fp16', verify: { cases: 'cases/ocr.npz' } },
    },
  });

  trt-node build                     all of them
  trt-node build ocr                 these
  trt-node build --only ocr --precision fp32   flags win over the file
  trt-node build --keep-going        goes on when one fails; the exit code is the first failure's

The file is trt-node.config.ts, .mts, .mjs, .js, .cjs or .json in the working directory, or --config <file>. Paths in it are relative
to it. Options are those of buildEngine, without output (a key of the model), signal, onProgress and externalData; signKey is the
file of a key. Functions (a metric of verify, calibration data) need .ts or JavaScript. docs/config.md has more.`;
