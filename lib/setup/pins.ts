/** The CUDA majors that TensorRT-RTX is published for. */
export const cudaMajors = ['12', '13'] as const;
export type CudaMajor = (typeof cudaMajors)[number];

/** One package that setup may fetch, down to its last byte. */
export interface RuntimePin {
  readonly runtime: 'tensorrt-rtx';
  readonly version: string;
  readonly cuda: CudaMajor;
  readonly package: string;
  /** The wheel's file name in an index. */
  readonly file: string;
  /** Of the wheel, lower-case hex. */
  readonly sha256: string;
  /** Of the wheel. */
  readonly sizeBytes: number;
  /** What the wheel holds once unpacked; disk space is checked against it. */
  readonly unpackedBytes: number;
}

export type RuntimePins = Readonly<Record<CudaMajor, RuntimePin>>;

/** The wheels' platform tag, which pip is asked for whatever it would pick for this machine. */
export const wheelPlatform = 'manylinux_2_28_x86_64';

/** The oldest glibc of {@link wheelPlatform}. */
export const oldestGlibc = [2, 28] as const;

/** What a folder must hold to serve as TensorRT-RTX. */
export const requiredLibraries = [
  'libtensorrt_rtx.so.1',
  'libtensorrt_onnxparser_rtx.so.1',
] as const;

export const runtimePins: RuntimePins = {
  '12': {
    runtime: 'tensorrt-rtx',
    version: '1.7.1.116',
    cuda: '12',
    package: 'tensorrt-rtx-cu12-libs',
    file: 'tensorrt_rtx_cu12_libs-1.7.1.116-py3-none-manylinux_2_28_x86_64.whl',
    sha256: '68c2615fef1556e7721235682f460f3d78ab89df320a3f34a416367b144817a8',
    sizeBytes: 89_265_483,
    unpackedBytes: 224_719_781,
  },
  '13': {
    runtime: 'tensorrt-rtx',
    version: '1.7.1.116',
    cuda: '13',
    package: 'tensorrt-rtx-cu13-libs',
    file: 'tensorrt_rtx_cu13_libs-1.7.1.116-py3-none-manylinux_2_28_x86_64.whl',
    sha256: 'e3fd45fed001240d63304e77a2d4006319b839994237cb294b6e7ad72acaabcd',
    sizeBytes: 95_153_708,
    unpackedBytes: 238_160_965,
  },
};
