import { flavourNames } from '../gpu-support';
import type { GpuReport, LibraryReport, RuntimeReport } from '../runtime-report';
import {
  compares,
  memoryBytes,
  versionHolds,
  type RequiredFor,
  type Requirement,
  type RequirementName,
  type RequirementResult,
} from './requirements';

/** What the machine has of one name. */
interface Fact {
  readonly found: string | null;
  readonly where: string;
}

/** Something of which a machine has several, and one must meet all that is asked of it: a GPU, a TensorRT. */
interface Subject {
  readonly fact: (name: RequirementName) => Fact;
}

/** Holds each requirement against the report, in their order. Pure. */
export function checkRequirements(
  report: RuntimeReport,
  requirements: readonly Requirement[],
  job: RequiredFor = 'any',
): readonly RequirementResult[] {
  const chosen = new Map<string, Subject>();
  return requirements.map((requirement) => {
    const group = groupOf(requirement.name);
    let subject = chosen.get(group);
    if (subject === undefined) {
      const same = requirements.filter(({ name }) => groupOf(name) === group);
      subject = best(subjectsOf(group, report, job), same);
      chosen.set(group, subject);
    }
    return result(requirement, subject.fact(requirement.name));
  });
}

/** `gpu` and `memory` are asked of one and the same GPU. */
function groupOf(name: RequirementName): RequirementName {
  return name === 'memory' ? 'gpu' : name;
}

/** The first that meets all; where none does, the one that meets most. */
function best(subjects: readonly Subject[], asked: readonly Requirement[]): Subject {
  const met = (subject: Subject): number =>
    asked.filter((each) => result(each, subject.fact(each.name)).holds).length;
  return subjects.reduce((before, each) => (met(each) > met(before) ? each : before));
}

function result(requirement: Requirement, { found, where }: Fact): RequirementResult {
  const { text, name, comparator, wanted } = requirement;
  return {
    requirement: text,
    name,
    comparator,
    wanted,
    found,
    where,
    holds: found !== null && holds(requirement, found),
  };
}

function holds({ name, comparator, wanted }: Requirement, found: string): boolean {
  if (name !== 'memory') return versionHolds(found, comparator, wanted);
  return compares(Number(found) - (memoryBytes(wanted) ?? Number.NaN), comparator);
}

/** Never empty: what is not there is a subject that says so. */
function subjectsOf(
  group: RequirementName,
  report: RuntimeReport,
  job: RequiredFor,
): readonly Subject[] {
  switch (group) {
    case 'tensorrt':
    case 'tensorrt-rtx':
      return librarySubjects(group, report, job);
    case 'gpu':
    case 'memory':
      return gpuSubjects(report);
    case 'driver':
      return [only(driverFact(report, (driver) => driver.driverVersion, 'NVML does not tell it'))];
    case 'cuda':
      return [only(driverFact(report, (driver) => driver.cudaVersion, 'the driver does not tell'))];
    case 'node':
      return [only({ found: report.node.replace(/^v/, ''), where: 'this Node.js' })];
    case 'glibc':
      return [only(glibcFact(report))];
    case 'trt-node':
      return [only({ found: report.version, where: 'this trt-node' })];
  }
}

function only(fact: Fact): Subject {
  return { fact: () => fact };
}

function librarySubjects(
  flavour: LibraryReport['flavour'],
  { libraries, places }: RuntimeReport,
  job: RequiredFor,
): readonly Subject[] {
  const name = flavourNames[flavour];
  const ofFlavour = libraries.filter((library) => library.flavour === flavour);
  const able = ofFlavour.filter((library) => canDo(library, job));
  if (able.length > 0) {
    return able.map((library) => only({ found: library.version, where: library.path }));
  }
  const unable = ofFlavour[0];
  const where =
    unable === undefined
      ? `no ${name} in ${places.length} places`
      : `${unable.path} ${inability(unable, job)}`;
  return [only({ found: null, where })];
}

function canDo({ problem, canBuild, canLoad }: LibraryReport, job: RequiredFor): boolean {
  if (problem !== null) return false;
  return (job !== 'build' || canBuild) && (job !== 'infer' || canLoad);
}

function inability({ problem, version }: LibraryReport, job: RequiredFor): string {
  if (problem !== null) return `(${version ?? 'version unknown'}) cannot be used: ${problem.code}`;
  return job === 'build' ? `(${version ?? '?'}) cannot build` : `(${version ?? '?'}) cannot load`;
}

function gpuSubjects({ gpus, driver }: RuntimeReport): readonly Subject[] {
  if (gpus.length === 0) {
    const where = driver?.status === 'ok' ? 'the driver shows no GPU' : 'no driver works here';
    return [only({ found: null, where })];
  }
  return gpus.map((gpu) => ({ fact: (name) => gpuFact(gpu, name) }));
}

function gpuFact(
  { index, name, computeCapability, memoryTotalBytes }: GpuReport,
  asked: string,
): Fact {
  const where = `GPU ${index}, ${name}`;
  return { found: asked === 'memory' ? String(memoryTotalBytes) : computeCapability, where };
}

type Driver = NonNullable<RuntimeReport['driver']>;

function driverFact(
  { driver }: RuntimeReport,
  pick: (driver: Driver) => string | null,
  unknown: string,
): Fact {
  if (driver === null) return { found: null, where: 'the addon cannot be loaded' };
  if (driver.status !== 'ok') return { found: null, where: driver.message || 'no driver' };
  const found = pick(driver);
  return { found, where: found === null ? unknown : (driver.path ?? 'the driver') };
}

function glibcFact({ libc }: RuntimeReport): Fact {
  if (libc?.name === 'glibc') return { found: libc.version, where: 'this machine' };
  return { found: null, where: libc === null ? 'not Linux' : `the C library is ${libc.name}` };
}
