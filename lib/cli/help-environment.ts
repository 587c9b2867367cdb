/** Variables that trt-node reads. docs/cli.md has the same list, and a test compares the two. */
export const environmentVariables: readonly (readonly [name: string, what: string])[] = [
  [
    'TRT_NODE_HOME',
    'where trt-node keeps what it fetched and its caches (default: ~/.cache/trt-node)',
  ],
  ['TRT_NODE_LIBRARY_PATH', 'folders or files to look at first for TensorRT, apart by colons'],
  ['TENSORRT_ROOT', 'the top folder of an unpacked TensorRT'],
  ['CUDA_VISIBLE_DEVICES', "CUDA's own: which GPUs there are; device indices count what it leaves"],
  ['PIP_INDEX_URL', 'the package index for setup'],
  ['NO_COLOR', 'no colours in what is printed'],
];

/** `trt-node help environment` */
export function environmentHelp(): string {
  const width = Math.max(...environmentVariables.map(([name]) => name.length));
  const lines = environmentVariables.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`);
  return ['Environment variables:', ...lines].join('\n');
}
