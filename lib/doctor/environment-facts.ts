import { flavourNames } from '../gpu-support';
import { flavours, type Flavour } from '../manifest-schema';
import type { Fact } from './comparison';
import { gibibytes, gpuFacts } from './gpu-facts';
import type { KnownEnvironment } from './known-environment';

/** Everything of an environment that is compared; what differs from machine to machine by nature (UUIDs, times) is not. */
export function factsOf(environment: KnownEnvironment): Fact[] {
  return [
    ...driverFacts(environment),
    ...flavours.flatMap((flavour) => libraryFacts(flavour, environment)),
    ...environment.gpus.flatMap(gpuFacts),
    ...variableFacts(environment),
    ...hostFacts(environment),
  ];
}

function driverFacts({ driver, gpus }: KnownEnvironment): Fact[] {
  return [
    {
      id: 'driver.status',
      label: 'NVIDIA driver',
      value: driver === null ? 'not asked' : driver.status,
      text: driver === null ? 'could not be asked' : driverText(driver.status),
      group: 'breaks',
      weight: 100,
      meaning:
        'Without a working driver nothing runs on the GPU: `trt-node doctor` there says why.',
    },
    {
      id: 'gpus',
      label: 'GPUs that CUDA shows',
      value: gpus.length,
      group: gpus.length === 0 ? 'breaks' : 'informs',
      weight: 90,
      meaning: 'A `device` index counts them; each pair below is compared by index.',
    },
    {
      id: 'driver.cuda-major',
      label: 'CUDA major that the driver supports',
      value: driver?.cudaVersion?.split('.')[0] ?? null,
      group: 'breaks',
      weight: 80,
      meaning: 'Libraries made for the newer CUDA do not start on the older driver.',
    },
    {
      id: 'driver.version',
      label: 'Driver version',
      value: driver?.driverVersion ?? null,
      group: 'informs',
      weight: 70,
      meaning: 'Drivers differ in speed now and then; a plan does not depend on its version.',
    },
    {
      id: 'driver.path',
      label: 'libcuda',
      value: driver?.path ?? null,
      group: 'informs',
      weight: 20,
      meaning: 'Another path can be another driver, or a forward-compatibility package.',
    },
  ];
}

function driverText(status: string | null): string {
  return status === 'ok' ? 'works' : `does not work (${status ?? 'not known'})`;
}

/** The library that loads and builds by default: the first of its flavour that can load. */
function libraryFacts(flavour: Flavour, { libraries }: KnownEnvironment): Fact[] {
  const name = flavourNames[flavour];
  const ofFlavour = libraries.filter((library) => library.flavour === flavour);
  const chosen = ofFlavour.find(({ canLoad }) => canLoad === true);
  const isUnsure = ofFlavour.some(({ canLoad }) => canLoad === null);
  return [
    {
      id: `${flavour}.version`,
      label: `${name} version`,
      value: chosen ? chosen.version : isUnsure ? null : 'none',
      group: 'breaks',
      weight: 95,
      meaning: `A plan loads on the ${name} version that built it alone; another version also chooses other kernels.`,
    },
    {
      id: `${flavour}.builds`,
      label: `${name} can build`,
      value: chosen?.canBuild ?? null,
      text: chosen?.canBuild ? 'yes' : 'no',
      group: 'breaks',
      weight: 60,
      meaning: 'Engines can be built on one of the two alone.',
    },
    {
      id: `${flavour}.sha256`,
      label: `${name} library file (SHA-256)`,
      value: chosen?.sha256 ?? null,
      text: chosen?.sha256?.slice(0, 12),
      group: 'slows',
      weight: 50,
      meaning:
        'Not the same file: another build of the same version (for another CUDA, say), or another version.',
    },
    {
      id: `${flavour}.parser-sha256`,
      label: `${name} ONNX parser file (SHA-256)`,
      value: chosen?.parserSha256 ?? null,
      text: chosen?.parserSha256?.slice(0, 12),
      group: 'informs',
      weight: 40,
      meaning: 'Matters to builds alone.',
    },
    {
      id: `${flavour}.path`,
      label: `${name} path`,
      value: chosen?.path ?? null,
      group: 'informs',
      weight: 30,
      meaning: 'Where the library lies says nothing about speed.',
    },
  ];
}

interface VariableRule {
  readonly group: Fact['group'];
  readonly weight: number;
  readonly meaning: string;
}

const plainVariable: VariableRule = {
  group: 'informs',
  weight: 35,
  meaning: 'It can change which library or GPU is used, or how.',
};

const variableRules: Readonly<Record<string, VariableRule>> = {
  CUDA_LAUNCH_BLOCKING: {
    group: 'slows',
    weight: 99,
    meaning: '1 makes every kernel launch wait for its end: it is for debugging.',
  },
  NVIDIA_TF32_OVERRIDE: {
    group: 'slows',
    weight: 97,
    meaning: '0 turns TF32 off: matrix products in float32 take longer, and are more exact.',
  },
  CUDA_DISABLE_PTX_JIT: { group: 'slows', weight: 45, meaning: 'It changes what CUDA compiles.' },
  CUDA_FORCE_PTX_JIT: {
    group: 'slows',
    weight: 96,
    meaning: '1 makes CUDA compile every kernel anew, and leave those that were tuned.',
  },
  CUDA_MODULE_LOADING: {
    group: 'slows',
    weight: 44,
    meaning:
      'EAGER loads all kernels at the start: it takes longer and more memory; LAZY moves it to first calls.',
  },
  CUDA_CACHE_DISABLE: {
    group: 'slows',
    weight: 43,
    meaning: '1 makes every start compile again what is compiled at run time.',
  },
  CUDA_DEVICE_MAX_CONNECTIONS: {
    group: 'slows',
    weight: 42,
    meaning: 'It bounds how many streams run beside each other.',
  },
  UV_THREADPOOL_SIZE: {
    group: 'slows',
    weight: 15,
    meaning:
      "Node's thread pool: file and crypto work in parallel. trt-node does not use it to infer.",
  },
  OMP_NUM_THREADS: { group: 'slows', weight: 14, meaning: 'Threads of CPU work beside trt-node.' },
};

/** Of what is set; compareEnvironments tells what one side alone sets. */
function variableFacts({ variables }: KnownEnvironment): Fact[] {
  return Object.entries(variables).map(([name, value]) => ({
    id: `env.${name}`,
    label: name,
    value,
    ...ruleOf(name),
  }));
}

/** A file may name a variable `constructor`, which every object has. */
function ruleOf(name: string): VariableRule {
  return (Object.hasOwn(variableRules, name) ? variableRules[name] : undefined) ?? plainVariable;
}

function hostFacts({ host, node, trtNode, platform, libc }: KnownEnvironment): Fact[] {
  const informs = (id: string, label: string, value: Fact['value'], meaning: string): Fact => {
    return { id, label, value, group: 'informs', weight: 10, meaning };
  };
  const isContainer = host.container === undefined ? null : host.container !== null;
  return [
    {
      id: 'platform',
      label: 'Platform',
      value: platform,
      group: 'breaks',
      weight: 98,
      meaning: 'Libraries and plans are made for one platform.',
    },
    {
      id: 'libc.name',
      label: 'C library',
      value: libc?.name ?? null,
      group: 'breaks',
      weight: 97,
      meaning: 'TensorRT needs glibc.',
    },
    {
      id: 'cpu.governor',
      label: 'CPU frequency governor',
      value: host.cpuGovernor,
      group: 'slows',
      weight: 41,
      meaning:
        '`performance` keeps the clock up; `powersave` and the like add time to calls that are short and far apart.',
    },
    {
      id: 'cpu.count',
      label: 'CPUs for this process',
      value: host.cpuCount,
      group: 'slows',
      weight: 25,
      meaning: 'Pre-processing and serving share them with the threads that feed the GPU.',
    },
    {
      id: 'cpu.model',
      label: 'CPU',
      value: host.cpu,
      group: 'slows',
      weight: 30,
      meaning: 'Launches and copies start on the CPU: small networks feel it.',
    },
    {
      id: 'wsl',
      label: 'WSL',
      value: host.wsl,
      text: host.wsl ? 'yes' : 'no',
      group: 'slows',
      weight: 55,
      meaning: 'Launches and copies go through Windows there.',
    },
    {
      id: 'memory',
      label: 'Main memory',
      value: host.memoryBytes,
      text: gibibytes(host.memoryBytes),
      group: 'informs',
      weight: 12,
      tolerance: 0.02,
      meaning: 'Builds of large models need it.',
    },
    informs('node', 'Node.js', node, 'Any supported version will do.'),
    informs('trt-node', 'trt-node', trtNode, 'Other versions may choose and report differently.'),
    informs('libc.version', 'glibc', libc?.version ?? null, 'TensorRT 10.8 and newer needs 2.28.'),
    informs('os', 'System', host.os, 'It says nothing about speed by itself.'),
    informs('kernel', 'Kernel', host.kernel, 'It says nothing about speed by itself.'),
    {
      ...informs('container', 'Container', isContainer, 'It costs no speed by itself.'),
      text: isContainer === true ? 'yes' : 'no',
    },
  ];
}
