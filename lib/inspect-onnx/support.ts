import type { NativeModelInspection, NativeParserError } from '../binding';
import { operatorParts } from '../onnx/operators';
import type { OnnxSubgraph, OnnxSupport, UnsupportedNode, UnsupportedOperator } from './inspection';
import type { ParserChoice } from './library-choice';

/** What the native inspection says, with the names of the model's nodes. */
export function supportOf(
  found: NativeModelInspection,
  nodeOperators: readonly string[],
  { library, device }: ParserChoice,
): OnnxSupport {
  const problems = found.errors
    .map((error) => problemOf(error, nodeOperators))
    .sort((a, b) => (a.index ?? -1) - (b.index ?? -1));
  return {
    flavour: found.flavour,
    version: found.version,
    parserVersion: found.parserVersion,
    library: library.files.core,
    device,
    supported: found.supported,
    unsupportedOperators: unsupportedOperators(problems),
    firstUnsupported: problems.find(({ index }) => index !== null) ?? null,
    problems,
    subgraphs: runsWithout(problems, found.subgraphs),
  };
}

/** Older parsers cut their runs at the last problem alone; here each of them ends a run. */
function runsWithout(
  problems: readonly UnsupportedNode[],
  subgraphs: readonly OnnxSubgraph[],
): OnnxSubgraph[] {
  const refused = new Set(problems.map(({ index }) => index));
  return subgraphs.flatMap(({ nodes, supported }) => {
    const runs: number[][] = [[]];
    for (const node of nodes) {
      if (refused.has(node)) runs.push([]);
      else runs.at(-1)?.push(node);
    }
    return runs.filter((run) => run.length > 0).map((run) => ({ nodes: run, supported }));
  });
}

function problemOf(error: NativeParserError, nodeOperators: readonly string[]): UnsupportedNode {
  const { node, name, operator, code, message } = error;
  const inFile = operatorParts(nodeOperators[node] ?? '');
  // The parser inlines model-local functions, and then numbers nodes that the file does not have.
  const domain = inFile.type === operator ? inFile.domain : null;
  return {
    index: node < 0 ? null : node,
    name,
    operator,
    domain: operator === '' ? null : domain,
    code,
    message,
  };
}

function unsupportedOperators(problems: readonly UnsupportedNode[]): UnsupportedOperator[] {
  const nodes = new Map<string, Set<number>>();
  for (const { index, operator, domain } of problems) {
    if (index === null || operator === '') continue;
    const known = domain === null || domain === 'ai.onnx';
    const name = known ? operator : `${domain}:${operator}`;
    nodes.set(name, (nodes.get(name) ?? new Set()).add(index));
  }
  return [...nodes].map(([operator, indices]) => ({ operator, nodes: indices.size }));
}
