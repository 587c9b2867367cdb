import { describeTrtexecFlag, trtexecFlags } from './trtexec-flags';

const intro = `trtexec's flags in trt-node. \`build\` takes those of building as they are, as --flag=value or --flag value; what trt-node
does not have is an error that says so. trtexec builds and measures at once: here that is build, then bench.

  trtexec --onnx=m.onnx --saveEngine=m.plan --fp16 --iterations=100
  trt-node build --onnx=m.onnx --saveEngine=m.plan --fp16
  trt-node bench m.plan --iterations=100

What differs without a flag: types are the model's own (trtexec of TensorRT 10: float32, TF32 allowed); a dynamic dim without a
range is an error (trtexec takes 1); measured kernels are kept between builds (--no-timing-cache); plans are inspected in full
detail; TensorRT's standard plugins are off (--standard-plugins).
`;

/** `trt-node help trtexec` */
export function trtexecHelp(): string {
  const rows = trtexecFlags.map((entry): readonly [string, string, string] => [
    entry.value === undefined ? entry.flag : `${entry.flag}=<${entry.value}>`,
    ...describeTrtexecFlag(entry),
  ]);
  const widthOf = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const [flags, ours] = [widthOf(0), widthOf(1)];
  const lines = rows.map(([flag, our, note]) =>
    `  ${flag.padEnd(flags)}  ${our.padEnd(ours)}  ${note}`.trimEnd(),
  );
  return [intro, ...lines].join('\n');
}
