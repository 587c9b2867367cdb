import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NativeDriver, NativeLibraryFiles, NativeLibraryProbe } from '../../lib/binding';
import {
  chooseForBuild,
  chooseForLoad,
  findLibraries,
  goalOfBuild,
  goalOfLoad,
  type BuildChoice,
  type Discovery,
} from '../../lib/discovery';
import type { FindLibrariesOptions } from '../../lib/discovery';
import type { SearchGoal } from '../../lib/discovery/search-goal';
import { TrtError } from '../../lib/errors';
import { loadThrough } from '../../lib/load';
import { checkLoadOptions } from '../../lib/load-options';
import type { Flavour } from '../../lib/manifest-schema';
import { planSourceOf } from '../../lib/plan-source';
import { buildOn, fakeBuildMachine, freshBuildFolders } from '../support/fake-build-machine';
import { FakeLoadMachine } from '../support/fake-load-machine';
import { tensorrtHeader } from '../support/plan-bytes';
import { discovery, driverWith, gpu, noDriver, usable } from './fake-discovery';

let root: string;
/** Folders whose library was opened, in that order. */
let opened: string[];
/** By the library's path. */
let versions: Map<string, string>;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'trt-node-search-')));
  opened = [];
  versions = new Map();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A library and its parser, alone in their folder, that open as `version`. */
function put(folder: string, name: string, version: string): string {
  const files = [
    name,
    name.includes('rtx') ? 'libtensorrt_onnxparser_rtx.so.1' : 'libnvonnxparser.so.10',
  ];
  mkdirSync(path.join(root, folder), { recursive: true });
  for (const file of files) writeFileSync(path.join(root, folder, file), `${folder} ${version}`);
  versions.set(path.join(root, folder, name), version);
  return folder;
}

function open({ core, parser }: NativeLibraryFiles): Promise<NativeLibraryProbe> {
  opened.push(path.relative(root, path.dirname(core)));
  const version = versions.get(core) ?? '';
  if (version === 'broken') {
    return Promise.reject(new TrtError('ERR_TRT_LIBRARY_LOAD', 'broken', { details: {} }));
  }
  const rtx = core.includes('libtensorrt_rtx');
  return Promise.resolve({
    flavour: rtx ? 'tensorrt-rtx' : 'tensorrt',
    version,
    abi: rtx ? 'rtx' : 'v10',
    hasBuilder: true,
    hasRuntime: true,
    parserVersion: parser && version,
  });
}

function search(folders: string[], goal?: SearchGoal, flavour?: Flavour): Promise<Discovery> {
  const LD_LIBRARY_PATH = folders.map((folder) => path.join(root, folder)).join(':');
  const env = { HOME: path.join(root, 'home'), LD_LIBRARY_PATH };
  return findLibraries({ env, flavour, goal }, { open, root, arch: 'x64' });
}

function foldersOf({ libraries }: Discovery): string[] {
  return libraries.map(({ files }) => path.relative(root, path.dirname(files.core)));
}

describe('the search of a load', () => {
  const wanted = { flavour: 'tensorrt', version: '10.6.0.26' } as const;
  const load = (folders: string[]) => search(folders, goalOfLoad(wanted), wanted.flavour);

  it('ends at the first library of the release', async () => {
    const folders = [
      put('old', 'libnvinfer.so.10', '10.5.0'),
      put('right', 'libnvinfer.so.10', '10.6.0'),
      put('too', 'libnvinfer.so.10', '10.6.0'),
    ];
    const found = await load(folders);
    expect(opened).toEqual(['old', 'right']);
    expect(chooseForLoad({ found, ...wanted }).files.core).toContain('/right/');
  });

  it('opens what its name says to be of another release last', async () => {
    const folders = [
      put('a', 'libnvinfer.so.10.8.0', '10.8.0'),
      put('TensorRT-10.7.0.23/lib', 'libnvinfer.so.10', '10.7.0'),
      put('b', 'libnvinfer.so.11', '11.0.0'),
      put('TensorRT-10.6.0.26/lib', 'libnvinfer.so.10', '10.6.0'),
    ];
    await load(folders);
    expect(opened).toEqual(['TensorRT-10.6.0.26/lib']);
  });

  it('prefers the place that is first, not the name that says more', async () => {
    const folders = [
      put('mine', 'libnvinfer.so.10', '10.6.0'),
      put('system', 'libnvinfer.so.10.6.0', '10.6.0'),
    ];
    const found = await load(folders);
    expect(chooseForLoad({ found, ...wanted }).files.core).toContain('/mine/');
  });

  it('believes the library and not its name', async () => {
    const folders = [
      put('a', 'libnvinfer.so.10.6.0', '10.8.0'),
      put('b', 'libnvinfer.so.10.8.0', '10.6.0'),
    ];
    const found = await load(folders);
    expect(chooseForLoad({ found, ...wanted }).files.core).toContain('/b/');
  });

  it('opens all, in the order of the search, where an error must tell of them', async () => {
    const folders = [
      put('a', 'libnvinfer.so.10.8.0', '10.8.0'),
      put('b', 'libnvinfer.so.10', 'broken'),
      put('c', 'libnvinfer.so.10', '10.5.0'),
    ];
    const found = await load(folders);
    expect(foldersOf(found)).toEqual(foldersOf(await search(folders)));
    expect(foldersOf(found)).toEqual(['a', 'b', 'c']);
    expect(() => chooseForLoad({ found, ...wanted })).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ libraryVersions: ['10.8.0', '10.5.0'] }) as unknown,
      }) as Error,
    );
  });
});

describe('the search of a build', () => {
  const build = (folders: string[], target: Partial<BuildChoice>) => {
    const { runtime = 'auto', computeCapabilities = [], driver = driverWith(gpu('8.6')) } = target;
    const choice = { runtime, computeCapabilities };
    const goal = goalOfBuild({ ...choice, driver: Promise.resolve(driver) });
    const flavour = runtime === 'auto' ? undefined : runtime;
    return search(folders, goal, flavour).then((found) => ({
      found,
      choice: { ...choice, driver, found },
    }));
  };
  const machine = () => [
    put('rtx', 'libtensorrt_rtx.so.1', '1.7.1'),
    put('trt', 'libnvinfer.so.10', '10.6.0'),
    put('trt2', 'libnvinfer.so.10', '10.8.0'),
    put('rtx2', 'libtensorrt_rtx.so.1', '1.6.0'),
  ];

  it.each<[string, NativeDriver, Partial<BuildChoice>, string[]]>([
    ['TensorRT where a GPU is there', driverWith(gpu('8.6')), {}, ['trt']],
    ['TensorRT-RTX for named targets', noDriver, { computeCapabilities: ['8.9'] }, ['rtx']],
    ['the named runtime', driverWith(gpu('8.6')), { runtime: 'tensorrt-rtx' }, ['rtx']],
    // 10.8 is the first release for 12.0.
    ['the first release for the GPU', driverWith(gpu('12.0')), {}, ['trt', 'trt2']],
  ])('ends at %s', async (_name, driver, target, expected) => {
    const folders = machine();
    const { choice } = await build(folders, { ...target, driver });
    expect(opened).toEqual(expected);
    const all = await search(folders);
    expect(chooseForBuild(choice)).toEqual(chooseForBuild({ ...choice, found: all }));
  });

  it('goes on past what is broken', async () => {
    const folders = [
      put('a', 'libnvinfer.so.10', 'broken'),
      put('b', 'libnvinfer.so.10', '10.6.0'),
      'rtx',
    ];
    const { choice } = await build(folders, {});
    expect(chooseForBuild(choice).files.core).toContain('/b/');
  });

  it('opens all where nothing can build for the target', async () => {
    const folders = machine();
    const { found } = await build(folders, { driver: noDriver });
    expect(foldersOf(found)).toEqual(folders);
  });

  it('tells of a driver that cannot be asked', async () => {
    const driver = Promise.reject<NativeDriver>(new Error('lost'));
    driver.catch(() => undefined);
    const goal = goalOfBuild({ runtime: 'auto', computeCapabilities: [], driver });
    await expect(search(machine(), goal)).rejects.toThrow('lost');
  });
});

describe('what a load and a build ask for', () => {
  freshBuildFolders();
  const trt = usable('tensorrt', '10.6.0');
  const other = usable('tensorrt', '10.8.0');

  it('a load: the release of its plan', async () => {
    const machine = new FakeLoadMachine(driverWith(gpu('9.0')), discovery([trt]));
    let asked: FindLibrariesOptions = {};
    const findOn = (options: FindLibrariesOptions): Promise<Discovery> => {
      asked = options;
      return machine.findLibraries(options);
    };
    const plan = Buffer.concat([tensorrtHeader([10, 6, 0, 26]), Buffer.alloc(100)]);
    await loadThrough(
      { binding: machine.binding, findLibraries: findOn },
      planSourceOf(plan),
      checkLoadOptions({}),
    );
    expect(await asked.goal?.isMetBy(trt)).toBe(true);
    expect(await asked.goal?.isMetBy(other)).toBe(false);
  });

  it('a build: what builds for its target', async () => {
    const machine = fakeBuildMachine({ requests: [], lent: [] }, [], noDriver);
    let asked: FindLibrariesOptions = {};
    const findOn = (options: FindLibrariesOptions): Promise<Discovery> => {
      asked = options;
      return machine.findLibraries(options);
    };
    const options = { computeCapabilities: ['8.6'] };
    await expect(buildOn({ ...machine, findLibraries: findOn }, options)).rejects.toMatchObject({
      code: 'ERR_TRT_LIBRARY_NOT_FOUND',
    });
    expect(await asked.goal?.isMetBy(usable('tensorrt-rtx', '1.7.1'))).toBe(true);
    expect(await asked.goal?.isMetBy(trt)).toBe(false);
  });
});
