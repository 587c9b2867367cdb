import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

const licenceName =
  /^(licen[cs]e|eula|notice|copying|copyright|acknowledg|third.?party)|[-_.](sla|eula|licen[cs]e|acknowledgements)\b/i;
const maxLicenceBytes = 16 * 1024 * 1024;

/**
 * The licences and notices that came with a library file: beside it (`trt-node setup`), in the `dist-info` of the wheel that it
 * is from, at the top and in `doc` of an unpacked archive, in Debian's `copyright`. Absolute paths; empty where none is found.
 */
export async function licencesOf(file: string, root = '/'): Promise<readonly string[]> {
  const folder = path.dirname(file);
  const above = path.dirname(folder);
  const places = [
    () => licencesIn(folder),
    () => wheelLicences(file, above),
    () => archiveLicences(folder, above),
    () => debianCopyright(file, root),
  ];
  for (const look of places) {
    const found = await look();
    if (found.length > 0) return found;
  }
  return [];
}

async function licencesIn(folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const name of await namesIn(folder)) {
    if (!licenceName.test(name) || /\.so(\.|$)/.test(name)) continue;
    const facts = await stat(path.join(folder, name)).catch(() => null);
    if (facts?.isFile() && facts.size <= maxLicenceBytes) files.push(path.join(folder, name));
  }
  return files;
}

/** `site-packages/tensorrt_libs/libnvinfer.so.10` is listed in the RECORD of `tensorrt_cu12_libs-10.6.0.dist-info`. */
async function wheelLicences(file: string, site: string): Promise<readonly string[]> {
  const listed = `${path.basename(path.dirname(file))}/${path.basename(file)},`;
  for (const name of await namesIn(site)) {
    if (!name.endsWith('.dist-info')) continue;
    const info = path.join(site, name);
    const record = await readFile(path.join(info, 'RECORD'), 'utf8').catch(() => '');
    if (!record.split('\n').some((line) => line.startsWith(listed))) continue;
    return [...(await licencesIn(info)), ...(await licencesIn(path.join(info, 'licenses')))];
  }
  return [];
}

/** NVIDIA's archives: `TensorRT-10.6.0.26/{lib,doc}`, `lib` maybe as `targets/x86_64-linux-gnu/lib`. */
async function archiveLicences(folder: string, above: string): Promise<readonly string[]> {
  const isTargets = path.basename(path.dirname(above)) === 'targets';
  const top = isTargets ? path.dirname(path.dirname(above)) : above;
  // Other software's folders have a `lib` too: /usr is no archive.
  if (!/^lib(64)?$/.test(path.basename(folder)) || !/tensorrt/i.test(path.basename(top))) return [];
  return [...(await licencesIn(top)), ...(await licencesIn(path.join(top, 'doc')))];
}

/** The package whose list of files has this one. */
async function debianCopyright(file: string, root: string): Promise<readonly string[]> {
  const info = path.join(root, 'var/lib/dpkg/info');
  for (const name of await namesIn(info)) {
    // TensorRT's and CUDA's packages; reading every list would take seconds.
    if (!name.endsWith('.list') || !/^lib|cuda|tensorrt/i.test(name)) continue;
    const list = await readFile(path.join(info, name), 'utf8').catch(() => '');
    if (!list.split('\n').includes(file)) continue;
    const debianPackage = name.slice(0, -'.list'.length).replace(/:.*/, '');
    const copyright = path.join(root, 'usr/share/doc', debianPackage, 'copyright');
    return (await stat(copyright).catch(() => null))?.isFile() ? [copyright] : [];
  }
  return [];
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch((): string[] => [])).sort();
}
