import { messageIn, readName, visitFields, type Field, type Message } from './fields';
import { malformedModel } from './model-error';
import type { ModelFile } from './model-file';
import { readTensor, type ExternalTensor } from './tensor';
import { readInput, type OnnxInput } from './value-info';

/** What the walk through a model collects. */
export interface Findings {
  /** Of the main graph. */
  readonly inputs: OnnxInput[];
  /** Names of the main graph's initializers. */
  readonly initializers: Set<string>;
  /** Of the whole model. */
  readonly externalTensors: ExternalTensor[];
}

/** More than any model has, and few enough to hold. */
const maxNames = 1_000_000;

/** GraphProto of the model. */
export function readGraph(file: ModelFile, graph: Message, found: Findings): Promise<void> {
  return visitFields(file, graph, (field) => {
    const message = messageIn(field, graph);
    if (message === null) return undefined;
    switch (field.number) {
      case 11:
        return addInput(file, message, found);
      case 5:
        return addInitializer(file, message, found);
      case 15:
        return readSparseTensor(file, message, found, (name) => found.initializers.add(name));
      default:
        return readGraphField(file, field, message, found);
    }
  });
}

/** FunctionProto: a model-local function. */
export function readFunction(file: ModelFile, body: Message, found: Findings): Promise<void> {
  return visitFields(file, body, (field) => {
    const message = messageIn(field, body);
    if (message === null) return undefined;
    if (field.number === 7) return readNode(file, message, found);
    return field.number === 11 ? readAttribute(file, message, found) : undefined;
  });
}

/** GraphProto inside of a node's attribute: its inputs are the node's matter. */
function readSubgraph(file: ModelFile, graph: Message, found: Findings): Promise<void> {
  return visitFields(file, graph, (field) => {
    const message = messageIn(field, graph);
    return message === null ? undefined : readGraphField(file, field, message, found);
  });
}

function readGraphField(
  file: ModelFile,
  field: Field,
  message: Message,
  found: Findings,
): Promise<void> | undefined {
  switch (field.number) {
    case 1:
      return readNode(file, message, found);
    case 5:
      return addTensor(file, message, '', found).then(() => undefined);
    case 15:
      return readSparseTensor(file, message, found);
    default:
      return undefined;
  }
}

async function addInput(file: ModelFile, message: Message, found: Findings): Promise<void> {
  checkRoom(file, found.inputs.length);
  found.inputs.push(await readInput(file, message));
}

async function addInitializer(file: ModelFile, message: Message, found: Findings): Promise<void> {
  checkRoom(file, found.initializers.size);
  found.initializers.add(await addTensor(file, message, '', found));
}

/** Resolves to the tensor's name. */
async function addTensor(
  file: ModelFile,
  message: Message,
  otherName: string,
  found: Findings,
): Promise<string> {
  const { name, external } = await readTensor(file, message);
  if (external !== null) {
    checkRoom(file, found.externalTensors.length);
    found.externalTensors.push({ ...external, name: name || otherName });
  }
  return name;
}

function readNode(file: ModelFile, node: Message, found: Findings): Promise<void> {
  return visitFields(file, node, (field) => {
    const message = field.number === 5 ? messageIn(field, node) : null;
    return message === null ? undefined : readAttribute(file, message, found);
  });
}

/** AttributeProto's fields t, g and sparse_tensor; protobuf merges two of the same, which would hide what they name. */
const single: ReadonlySet<number> = new Set([5, 6, 22]);

async function readAttribute(file: ModelFile, attribute: Message, found: Findings): Promise<void> {
  const seen = new Set<number>();
  let name = '';
  await visitFields(file, attribute, (field) => {
    const message = messageIn(field, attribute);
    if (message === null) return undefined;
    if (single.has(field.number)) checkFirst(file, field, seen);
    switch (field.number) {
      case 1:
        return readName(file, field)?.then((text) => void (name = text));
      case 5: // t
      case 10: // tensors
        return addTensor(file, message, name, found).then(() => undefined);
      case 6: // g
      case 11: // graphs
        return readSubgraph(file, message, found);
      case 22: // sparse_tensor
      case 23: // sparse_tensors
        return readSparseTensor(file, message, found);
      default:
        return undefined;
    }
  });
}

/** SparseTensorProto: `values` and `indices` are tensors; the first gives it its name. */
function readSparseTensor(
  file: ModelFile,
  sparse: Message,
  found: Findings,
  onName?: (name: string) => unknown,
): Promise<void> {
  const seen = new Set<number>();
  return visitFields(file, sparse, (field) => {
    const message = field.number <= 2 ? messageIn(field, sparse) : null;
    if (message === null) return undefined;
    checkFirst(file, field, seen);
    const values = field.number === 1;
    return addTensor(file, message, values ? '' : 'indices', found).then((name) => {
      if (values) onName?.(name);
    });
  });
}

function checkFirst(file: ModelFile, field: Field, seen: Set<number>): void {
  if (seen.has(field.number)) {
    throw malformedModel(
      file.where,
      `field ${field.number} comes a second time before byte ${field.start}`,
    );
  }
  seen.add(field.number);
}

function checkRoom(file: ModelFile, count: number): void {
  if (count < maxNames) return;
  throw malformedModel(file.where, `it names more than ${maxNames} tensors of a kind`);
}
