/** Which entries of a compile_commands.json clang-tidy has to read. */
import fs from 'node:fs';
import path from 'node:path';

/**
 * Of a source that is compiled once per TensorRT ABI, one entry for each way to read it: every ABI that a preprocessor's
 * condition names, and the first of the others, which all read alike. Of any other source its first entry.
 */
export function entriesToCheck(entries) {
  const seen = new Set();
  return entries.filter(({ file, command }) => {
    const named = abisInConditions(file);
    const abi = /-DTRT_NODE_ABI=(\w+)/.exec(command)?.[1].toUpperCase();
    const reading = `${file}\0${named.has(abi) || named.has(every) ? abi : ''}`;
    if (seen.has(reading)) return false;
    seen.add(reading);
    return true;
  });
}

/** Named by a condition on what NVIDIA's headers define. */
const every = '*';

/** The ABIs that the conditions of a source name, or those of a header of its folder that it includes. */
function abisInConditions(file, seen = new Set()) {
  const abis = new Set();
  if (seen.has(file) || !fs.existsSync(file)) return abis;
  seen.add(file);
  const text = fs.readFileSync(file, 'utf8');
  for (const [condition] of text.matchAll(/^[ \t]*#[ \t]*(?:el)?if.*$/gm)) {
    if (condition.includes('NV_')) abis.add(every);
    for (const [, abi] of condition.matchAll(/\bTRT_NODE_ABI_(\w+)/g)) abis.add(abi);
  }
  for (const [, header] of text.matchAll(/^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/gm)) {
    const included = path.join(path.dirname(file), path.basename(header));
    for (const abi of abisInConditions(included, seen)) abis.add(abi);
  }
  return abis;
}
