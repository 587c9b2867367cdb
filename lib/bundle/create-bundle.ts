import path from 'node:path';
import { loadBinding } from '../binding';
import { invalidArgument } from '../errors';
import { filePathOf } from '../file-path';
import { checkedOptions } from '../known-keys';
import { packageVersion } from '../package-version';
import { checkedPluginPaths } from '../plugin-files';
import { checkPlans, type CheckedPlan } from './bundled-plan';
import { librariesFolder } from './bundled-libraries';
import { chooseLibraries } from './choose-libraries';
import {
  libraryContents,
  nodeRangeOf,
  planContents,
  programContents,
  withoutClashes,
  type InstalledTrtNode,
  type LibraryContents,
} from './contents';
import { newestVersions } from './dependencies';
import { readElf } from './elf';
import { recordSchema, type BundleRecord } from './record';
import { checkBundleTarget, writeBundle, type RecordHead } from './write-bundle';
import type { UsableLibrary } from '../discovery';

export interface BundleOptions {
  /** The folder to write. It must be empty, missing or a bundle, which is replaced. */
  readonly out: string;
  /** Plans to put in, with their manifests. They decide which TensorRT goes in. Default: none. */
  readonly plans?: readonly (string | URL)[] | undefined;
  /** Plugin libraries that the plans were built with. */
  readonly plugins?: readonly (string | URL)[] | undefined;
  /** `false`: what only building needs stays out (parser, builder resources). Default `true`. */
  readonly builder?: boolean | undefined;
  /** A TensorRT library or its folder. Omitted: this machine is searched. */
  readonly library?: string | undefined;
  /** Writes into a folder that holds something else, too. What has the same name is replaced. Default `false`. */
  readonly force?: boolean | undefined;
  /** Ends the copying; what was written is removed. */
  readonly signal?: AbortSignal | undefined;
}

export interface BundleResult extends BundleRecord {
  /** Absolute. */
  readonly folder: string;
  /** What the person who made it should know, a sentence each. */
  readonly notes: readonly string[];
}

const optionNames = ['out', 'plans', 'plugins', 'builder', 'library', 'force', 'signal'] as const;

/**
 * Gathers what a machine needs to run plans (and, with the builder, to build them) into one folder: addon and JavaScript of
 * trt-node, the packages that it needs, TensorRT's libraries with their dependencies and licences, plans with manifests. What
 * glibc, Node.js and the NVIDIA driver bring stays out; libcuda above all, which belongs to the machine that runs the bundle.
 *
 * Rejects with ERR_TRT_INVALID_ARG (also when something that goes in lies in the folder), ERR_TRT_WRITE (the folder holds
 * something else, or cannot be written), what `loadEngine` says of a plan that is damaged or that no TensorRT here loads,
 * ERR_TRT_BUILDER_MISSING, ERR_TRT_LIBRARY_LOAD (a dependency is nowhere), ERR_TRT_ADDON_LOAD, and with `signal.reason` on an
 * abort.
 */
export async function createBundle(options: BundleOptions): Promise<BundleResult> {
  const { out, plans, plugins, builder, library, force, signal } = checked(options);
  const target = await checkBundleTarget(out, force);
  const binding = loadBinding();
  const checkedPlans = await checkPlans(plans, plugins, binding);
  const libraries = await chooseLibraries({ plans: checkedPlans, builder }, library);
  signal?.throwIfAborted();
  const gathered = await libraryContents(
    { libraries, plans: checkedPlans, plugins, builder },
    process.env,
  );
  const trtNode = installedTrtNode();
  const contents = withoutClashes([
    ...gathered.contents,
    ...planContents(checkedPlans),
    ...(await programContents(trtNode)),
  ]);
  const head = await headOf({ libraries, plans: checkedPlans, builder, gathered, trtNode });
  const record = await writeBundle(target, contents, head, signal);
  return { folder: target.folder, ...record, notes: notesOf(record, gathered) };
}

interface Checked extends Pick<BundleOptions, 'library' | 'signal'> {
  readonly out: string;
  readonly plans: readonly string[];
  readonly plugins: readonly string[];
  readonly builder: boolean;
  readonly force: boolean;
}

function checked(options: BundleOptions): Checked {
  const given = checkedOptions(options, 'options', optionNames);
  const { out, plans = [], plugins, library, signal } = given;
  if (typeof out !== 'string' || out === '') {
    throw invalidArgument('options.out', 'the path of a folder', out);
  }
  if (!Array.isArray(plans)) throw invalidArgument('options.plans', 'an array of paths', plans);
  const paths = (plans as readonly unknown[]).map((plan, index) =>
    filePathOf(plan, `options.plans[${index}]`),
  );
  return {
    out,
    plans: paths,
    plugins: checkedPluginPaths(plugins),
    builder: flag('builder', given.builder, true),
    library,
    force: flag('force', given.force, false),
    signal,
  };
}

function flag(name: string, value: unknown, byDefault: boolean): boolean {
  if (value === undefined) return byDefault;
  if (typeof value !== 'boolean') throw invalidArgument(`options.${name}`, 'true or false', value);
  return value;
}

function installedTrtNode(): InstalledTrtNode {
  const root = path.join(__dirname, '..', '..');
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- as in binding.ts, whose choice it repeats
  const { resolve } = require('node-gyp-build') as { resolve: (folder: string) => string };
  return { root, addon: resolve(root) };
}

interface Ingredients {
  readonly libraries: readonly UsableLibrary[];
  readonly plans: readonly CheckedPlan[];
  readonly builder: boolean;
  readonly gathered: LibraryContents;
  readonly trtNode: InstalledTrtNode;
}

async function headOf(ingredients: Ingredients): Promise<RecordHead> {
  const { libraries, plans, builder, gathered, trtNode } = ingredients;
  const { expected, versions, unfound } = gathered.dependencies;
  const ofAddon = newestVersions((await readElf(trtNode.addon))?.versions ?? []);
  const newest = (family: 'glibc' | 'glibcxx'): string | null => {
    const prefix = family.toUpperCase();
    const both = [versions[family], ofAddon[family]].filter((each) => each !== null);
    return newestVersions(both.map((each) => `${prefix}_${each}`))[family];
  };
  return {
    schema: recordSchema,
    schemaVersion: 1,
    version: packageVersion(),
    platform: `${process.platform}-${process.arch}`,
    builder,
    libraries: libraries.map(({ flavour, version, files }) => ({
      flavour,
      version,
      core: inBundle(files.core),
      parser: builder && files.parser !== null ? inBundle(files.parser) : null,
    })),
    plans: plans.map(({ name, manifest, flavour, version }) => ({
      path: `plans/${name}`,
      manifest: manifest === null ? null : `plans/${name}.json`,
      flavour,
      version,
      computeCapabilities: manifest?.computeCapabilities ?? null,
    })),
    requires: {
      node: await nodeRangeOf(trtNode.root),
      glibc: newest('glibc'),
      glibcxx: newest('glibcxx'),
      libraries: [...new Set([...expected.glibc, ...expected.node])].sort(),
      libraryPath: unfound.length > 0 ? librariesFolder : null,
    },
  };
}

function inBundle(file: string): string {
  return `${librariesFolder}/${path.basename(file)}`;
}

function notesOf(
  record: BundleRecord,
  { dependencies, withoutLicence }: LibraryContents,
): string[] {
  const notes = dependencies.unfound.map(
    ({ library, needs }) =>
      `${library} does not say where ${needs} lies: set LD_LIBRARY_PATH to the bundle's ${librariesFolder} folder where it runs`,
  );
  if (withoutLicence.length > 0) {
    notes.push(
      `no licence was found with ${withoutLicence.join(', ')}: add the one that it came with before you publish an image`,
    );
  }
  for (const { path: plan, manifest } of record.plans) {
    if (manifest === null) {
      notes.push(`${plan} has no manifest: nothing but its header is checked when it is loaded`);
    }
  }
  return notes;
}
