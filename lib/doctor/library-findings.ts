import path from 'node:path';
import { flavourNames, runtimeSupportsGpu } from '../gpu-support';
import { flavours, type Flavour } from '../manifest-schema';
import type { LibraryReport } from '../runtime-report';
import * as clue from './clues';
import type { Evidence } from './evidence';
import type { Finding } from './finding';

export function libraryFindings(evidence: Evidence): Finding[] {
  return [
    ...flavours.flatMap((flavour) => several(flavour, evidence)),
    ...evidence.libraries.flatMap(dependency),
    ...evidence.libraries.flatMap((library) => newerCuda(library, evidence)),
    ...stubsOnPath(evidence),
  ];
}

/** Two of a flavour: which one is used is then a matter of the search order. */
function several(flavour: Flavour, { libraries, driver }: Evidence): Finding[] {
  const full = libraries.filter(
    (library) => library.flavour === flavour && !/_(lean|dispatch)\.so/.test(library.path),
  );
  if (full.length < 2) return [];
  const name = flavourNames[flavour];
  const gpu = driver?.gpus[0];
  const builder = full.find(
    ({ canBuild, version }) =>
      canBuild && (!gpu || runtimeSupportsGpu(flavour, gpu.computeCapability, version)),
  );
  return [
    {
      id: 'several-tensorrt',
      severity: 'note',
      title: `There are ${full.length} ${name}s on this machine`,
      evidence: [
        ...full.map(
          ({ version, path: file, source }) =>
            `${version ?? 'unknown version'}: ${file} (${source})`,
        ),
        builder
          ? `builds use ${builder.version ?? 'the one'} at ${builder.path}, the first that can build for the GPU`
          : 'none of them can build here',
      ],
      nextStep:
        'A plan is loaded by the first one of the version that built it. To choose another for builds, put its folder first in TRT_NODE_LIBRARY_PATH, or name it with `library` (--library).',
    },
  ];
}

/** The loader names the library that another one needs: `libcudart.so.12: cannot open shared object file`. */
function dependency({ path: file, problem }: LibraryReport): Finding[] {
  const missing = /(lib[\w.+-]+\.so[\w.]*): cannot open shared object file/.exec(
    problem?.message ?? '',
  )?.[1];
  if (missing === undefined || missing === path.basename(file)) return [];
  return [
    {
      id: 'library-dependency-missing',
      severity: 'warning',
      title: `${path.basename(file)} needs ${missing}, which is not found`,
      evidence: [`${file}: ${missing}: cannot open shared object file`],
      nextStep: `${packageOf(missing)}, and put its folder into LD_LIBRARY_PATH if it is not in the system's.`,
    },
  ];
}

function packageOf(missing: string): string {
  const cuda = /^libcudart\.so\.(\d+)/.exec(missing)?.[1];
  if (cuda !== undefined) {
    return `Install the CUDA ${cuda} runtime (\`pip install nvidia-cuda-runtime-cu${cuda}\`, or apt: cuda-cudart-${cuda}-x)`;
  }
  return /^libcudnn|^libcublas/.test(missing)
    ? `Install ${missing.split('.')[0] ?? missing} for the CUDA that this TensorRT was made for`
    : `Install what brings ${missing}`;
}

/** Minimum drivers: https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html, table 1. */
const minimumDrivers: Readonly<Record<number, string>> = { 12: '525', 13: '580' };

function newerCuda(library: LibraryReport, evidence: Evidence): Finding[] {
  const needed = evidence.libraryCuda[library.path];
  const { driver } = evidence;
  if (needed === undefined || driver?.status !== 'ok' || driver.cudaVersion === null) return [];
  if (Number.parseInt(driver.cudaVersion, 10) >= needed) return [];
  const name = `${flavourNames[library.flavour]} ${library.version ?? ''}`.trim();
  const minimum = minimumDrivers[needed];
  return [
    {
      id: 'driver-too-old',
      severity: 'warning',
      title: `The driver is too old for ${name}, which was made for CUDA ${needed}`,
      evidence: [
        `${library.path} comes from a package for CUDA ${needed}`,
        `driver ${driver.driverVersion ?? '(version unknown)'} supports CUDA ${driver.cudaVersion}`,
      ],
      nextStep:
        `Install driver ${minimum === undefined ? `for CUDA ${needed}` : `${minimum} or newer`}, or that release for an older CUDA` +
        (library.flavour === 'tensorrt-rtx' ? ' (`npx trt-node setup --cuda 12`).' : '.'),
    },
  ];
}

/** The toolkit's stubs on the path do no harm while libcuda.so.1 is found elsewhere first. */
function stubsOnPath(evidence: Evidence): Finding[] {
  const stubs = (evidence.env['LD_LIBRARY_PATH'] ?? '')
    .split(':')
    .filter((folder) => /(^|\/)stubs\/?$/.test(folder));
  if (stubs.length === 0 || evidence.driver?.status !== 'ok') return [];
  return [
    {
      id: 'stub-libcuda',
      severity: 'note',
      title: "LD_LIBRARY_PATH has the CUDA toolkit's folder of stub libraries",
      evidence: [clue.variable(evidence, 'LD_LIBRARY_PATH')],
      nextStep: `Take ${stubs.join(', ')} out of it: a program that takes the stub for the driver fails.`,
    },
  ];
}
