import { tensorTypes, type TensorType } from '../data-types';
import { elementTypeName, type OnnxElementType } from './element-types';

/** What of a node says which type it quantizes to. */
export interface QuantizationNode {
  readonly type: string;
  readonly inputs: readonly string[];
  /** Its attribute `output_dtype` (`output_type` of TRT_DynamicQuantize), TensorProto.DataType; 0: none. */
  readonly outputType: number;
}

/**
 * TensorRT's own operators, whose names say the type; its parser looks at no domain. TRT_DynamicQuantize says it in an
 * attribute.
 */
const ownOperators: ReadonlyMap<string, OnnxElementType> = new Map([
  ['TRT_FP8QuantizeLinear', 'float8e4m3fn'],
  ['TRT_FP8DequantizeLinear', 'float8e4m3fn'],
  ['TRT_MXFP8QuantizeLinear', 'float8e4m3fn'],
  ['TRT_MXFP8DequantizeLinear', 'float8e4m3fn'],
  ['TRT_MXFP8DynamicQuantize', 'float8e4m3fn'],
  ['TRT_INT4QuantizeLinear', 'int4'],
  ['TRT_INT4DequantizeLinear', 'int4'],
  ['TRT_FP4DynamicQuantize', 'float4e2m1'],
]);

/** Exporters share constants through an Identity of an Identity; no longer chain is real. */
const maxAliases = 16;

/**
 * The types that the nodes of one graph quantize to. A node names its zero point, and the constant of that name may stand
 * anywhere in the graph or in one around it, so the types are known at the graph's end.
 */
export class QuantizationScope {
  private readonly types = new Map<string, OnnxElementType>();
  private readonly aliases = new Map<string, string>();
  /** Constants whose types are wanted. */
  private readonly wanted = new Set<string>();

  constructor(private readonly found: Set<OnnxElementType>) {}

  /** An initializer or a Constant's output; `dataType` is TensorProto.DataType. */
  constant(name: string, dataType: number): void {
    this.value(name, elementTypeName(dataType));
  }

  value(name: string, type: OnnxElementType | null): void {
    if (name !== '' && type !== null) this.types.set(name, type);
  }

  /** The output of an Identity. */
  alias(output: string, input: string): void {
    this.aliases.set(output, input);
  }

  note({ type, inputs, outputType }: QuantizationNode): void {
    const [data = '', , zeroPoint = ''] = inputs;
    const own = ownOperators.get(type);
    const stated = elementTypeName(outputType);
    switch (type) {
      case 'QuantizeLinear':
        if (zeroPoint !== '') this.wanted.add(zeroPoint);
        else this.found.add(stated ?? 'uint8');
        break;
      case 'DequantizeLinear':
        this.wanted.add(zeroPoint === '' ? data : zeroPoint);
        break;
      case 'TRT_BlockQuantize':
        this.found.add(stated ?? 'float8e4m3fn');
        break;
      case 'TRT_DynamicQuantize':
        if (stated !== null) this.found.add(stated);
        break;
      default:
        if (own !== undefined) this.found.add(own);
    }
  }

  /** What is not known here is looked for in the graph around this one. */
  end(outer: QuantizationScope | null): void {
    for (const name of this.wanted) {
      const source = this.resolve(name);
      const type = this.types.get(source);
      if (type !== undefined) this.found.add(type);
      else outer?.wanted.add(source);
    }
  }

  private resolve(name: string): string {
    let source = name;
    for (let step = 0; step < maxAliases && !this.types.has(source); step += 1) {
      const next = this.aliases.get(source);
      if (next === undefined) break;
      source = next;
    }
    return source;
  }
}

/** Those that TensorRT has at all. */
export function tensorTypesIn(found: Iterable<OnnxElementType>): ReadonlySet<TensorType> {
  const types = new Set<string>(found);
  return new Set(tensorTypes.filter((type) => types.has(type)));
}
