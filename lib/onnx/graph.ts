import type { OnnxElementType } from './element-types';
import { messageIn, takeName, visitFields, wireType, type Field, type Message } from './fields';
import { malformedModel } from './model-error';
import type { ModelFile } from './model-file';
import { OperatorCensus } from './operators';
import { QuantizationScope } from './quantization';
import { readTensor, type ExternalTensor, type ReadTensor } from './tensor';
import { readValue, type OnnxValue } from './value-info';

/** What the walk through a model collects. */
export class Findings {
  /** Of the main graph. */
  readonly inputs: OnnxValue[] = [];
  readonly outputs: OnnxValue[] = [];
  /** Names of the main graph's initializers. */
  readonly initializers = new Set<string>();
  /** Operators of the main graph's nodes, in the file's order. */
  readonly nodeOperators: string[] = [];
  /** Of the whole model. */
  readonly operators = new OperatorCensus();
  readonly externalTensors: ExternalTensor[] = [];
  readonly quantized = new Set<OnnxElementType>();
}

/** More than any model has, and few enough to hold. */
const maxNames = 1_000_000;

/** A graph or a function's body, as its nodes see it. */
interface Body {
  readonly file: ModelFile;
  readonly found: Findings;
  readonly scope: QuantizationScope;
}

/** GraphProto of the model. */
export async function readGraph(file: ModelFile, graph: Message, found: Findings): Promise<void> {
  const body = { file, found, scope: new QuantizationScope(found.quantized) };
  await visitFields(file, graph, (field) => {
    const message = messageIn(field, graph);
    if (message === null) return undefined;
    switch (field.number) {
      case 1:
        return readNode(body, message, (operator) => void found.nodeOperators.push(operator));
      case 5:
        return addInitializer(body, message);
      case 11:
        return addValue(body, message, found.inputs);
      case 12:
        return addValue(body, message, found.outputs);
      case 15:
        return readSparseTensor(body, message, (name) => found.initializers.add(name));
      default:
        return undefined;
    }
  });
  for (const { name, type } of found.inputs) body.scope.value(name, type);
  body.scope.end(null);
}

/** FunctionProto: a model-local function. What a call gives to it is not known, so a zero point must be its own. */
export async function readFunction(
  file: ModelFile,
  proto: Message,
  found: Findings,
): Promise<void> {
  const body = { file, found, scope: new QuantizationScope(found.quantized) };
  await visitFields(file, proto, (field) => {
    const message = messageIn(field, proto);
    if (message === null) return undefined;
    if (field.number === 7) return readNode(body, message);
    return field.number === 11 ? readAttribute(body, message) : undefined;
  });
  body.scope.end(null);
}

/** GraphProto inside of a node's attribute: its inputs and outputs are the node's matter. */
async function readSubgraph(outer: Body, graph: Message): Promise<void> {
  const body = { ...outer, scope: new QuantizationScope(outer.found.quantized) };
  await visitFields(outer.file, graph, (field) => {
    const message = messageIn(field, graph);
    if (message === null) return undefined;
    switch (field.number) {
      case 1:
        return readNode(body, message);
      case 5:
        return addTensor(body, message).then(({ name, dataType }) =>
          body.scope.constant(name, dataType),
        );
      case 15:
        return readSparseTensor(body, message);
      default:
        return undefined;
    }
  });
  body.scope.end(outer.scope);
}

async function addValue({ file }: Body, message: Message, values: OnnxValue[]): Promise<void> {
  checkRoom(file, values.length, 'tensors of a kind');
  values.push(await readValue(file, message));
}

async function addInitializer(body: Body, message: Message): Promise<void> {
  const { initializers } = body.found;
  checkRoom(body.file, initializers.size, 'tensors of a kind');
  const { name, dataType } = await addTensor(body, message);
  initializers.add(name);
  body.scope.constant(name, dataType);
}

async function addTensor(
  { file, found }: Body,
  message: Message,
  otherName = '',
): Promise<ReadTensor> {
  const tensor = await readTensor(file, message);
  if (tensor.external !== null) {
    checkRoom(file, found.externalTensors.length, 'tensors of a kind');
    found.externalTensors.push({ ...tensor.external, name: tensor.name || otherName });
  }
  return tensor;
}

/** NodeProto */
async function readNode(
  body: Body,
  node: Message,
  onOperator?: (operator: string) => void,
): Promise<void> {
  const { file, found, scope } = body;
  checkRoom(file, found.operators.nodes, 'nodes');
  const inputs: string[] = [];
  let inputCount = 0;
  let output = '';
  let type = '';
  let domain = '';
  let outputType = 0;
  let constantType = 0;
  await visitFields(file, node, (field) => {
    switch (field.number) {
      case 1: {
        const index = inputCount;
        inputCount += 1;
        // No more are of interest here: a data input, its scale and its zero point.
        return index < 3 ? takeName(file, field, (name) => void (inputs[index] = name)) : undefined;
      }
      case 2:
        return output === '' ? takeName(file, field, (name) => void (output = name)) : undefined;
      case 4:
        return takeName(file, field, (text) => void (type = text));
      case 5: {
        const message = messageIn(field, node);
        if (message === null) return undefined;
        return readAttribute(body, message, ({ name, integer, tensorType }) => {
          if (name === 'output_dtype' || name === 'output_type') outputType = integer;
          if (name === 'value') constantType = tensorType;
        });
      }
      case 7:
        return takeName(file, field, (text) => void (domain = text));
      default:
        return undefined;
    }
  });
  const operator = found.operators.add(domain, type);
  onOperator?.(operator);
  if (type === 'Constant') scope.constant(output, constantType);
  else if (type === 'Identity') scope.alias(output, inputs[0] ?? '');
  else scope.note({ type, inputs, outputType });
}

/** What of an attribute is of interest to its node. */
interface ReadAttribute {
  readonly name: string;
  /** AttributeProto.i; 0 where it has none. */
  readonly integer: number;
  /** TensorProto.DataType of AttributeProto.t; 0 where it has none. */
  readonly tensorType: number;
}

/** AttributeProto's fields t, g and sparse_tensor; protobuf merges two of the same, which would hide what they name. */
const single: ReadonlySet<number> = new Set([5, 6, 22]);

async function readAttribute(
  body: Body,
  attribute: Message,
  onRead?: (read: ReadAttribute) => void,
): Promise<void> {
  const { file } = body;
  const seen = new Set<number>();
  let name = '';
  let integer = 0;
  let tensorType = 0;
  await visitFields(file, attribute, (field) => {
    if (field.number === 3 && field.wireType === wireType.varint) integer = field.value;
    const message = messageIn(field, attribute);
    if (message === null) return undefined;
    if (single.has(field.number)) checkFirst(file, field, seen);
    switch (field.number) {
      case 1:
        return takeName(file, field, (text) => void (name = text));
      case 5: // t
        return addTensor(body, message, name).then(({ dataType }) => void (tensorType = dataType));
      case 10: // tensors
        return addTensor(body, message, name).then(() => undefined);
      case 6: // g
      case 11: // graphs
        return readSubgraph(body, message);
      case 22: // sparse_tensor
      case 23: // sparse_tensors
        return readSparseTensor(body, message);
      default:
        return undefined;
    }
  });
  onRead?.({ name, integer, tensorType });
}

/** SparseTensorProto: `values` and `indices` are tensors; the first gives it its name. */
function readSparseTensor(
  body: Body,
  sparse: Message,
  onName?: (name: string) => unknown,
): Promise<void> {
  const { file } = body;
  const seen = new Set<number>();
  return visitFields(file, sparse, (field) => {
    const message = field.number <= 2 ? messageIn(field, sparse) : null;
    if (message === null) return undefined;
    checkFirst(file, field, seen);
    const values = field.number === 1;
    return addTensor(body, message, values ? '' : 'indices').then(({ name }) => {
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

function checkRoom(file: ModelFile, count: number, what: string): void {
  if (count < maxNames) return;
  throw malformedModel(file.where, `it has more than ${maxNames} ${what}`);
}
