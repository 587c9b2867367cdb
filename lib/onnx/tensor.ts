import {
  int32In,
  messageIn,
  readIntegers,
  readText,
  takeName,
  visitFields,
  type Field,
  type Message,
} from './fields';
import type { ModelFile } from './model-file';

/** A tensor whose data lies in another file, in the model's own words: nothing of it has been checked. */
export interface ExternalTensor {
  /** Its own, or its attribute's where it has none. */
  readonly name: string;
  /** Path of the file, relative to the model's folder; empty where it is missing. */
  readonly location: string;
  /** Decimal digits, by the specification; null where it is missing, which means 0. */
  readonly offset: string | null;
  /** Decimal digits, by the specification; null where it is missing. */
  readonly length: string | null;
  readonly dims: readonly number[];
  /** TensorProto.DataType */
  readonly dataType: number;
}

/**
 * TensorProto.DataLocation.DEFAULT. Protobuf's readers differ on values that are neither this nor EXTERNAL. Whatever else a
 * model says, even once, makes a tensor external here: it is then checked, where TensorRT might read a file unchecked.
 */
const defaultLocation = 0;

/** Longer than any path or number; what is longer is cut off and then refused for its length. */
const maxValueBytes = 8192;

/** A TensorProto without its data. */
export interface ReadTensor {
  readonly name: string;
  /** TensorProto.DataType */
  readonly dataType: number;
  /** null where its data is in the model. */
  readonly external: ExternalTensor | null;
}

export async function readTensor(file: ModelFile, tensor: Message): Promise<ReadTensor> {
  const dims: number[] = [];
  const entries = new Map<string, string>();
  let name = '';
  let dataType = 0;
  let isExternal = false;
  await visitFields(file, tensor, (field) => {
    switch (field.number) {
      case 1:
        return readIntegers(file, field, dims);
      case 2:
        dataType = int32In(field) ?? dataType;
        return undefined;
      case 8:
        return takeName(file, field, (text) => void (name = text));
      case 13:
        return readEntry(file, field, tensor, entries);
      case 14:
        isExternal ||= field.value !== defaultLocation;
        return undefined;
      default:
        return undefined;
    }
  });
  if (!isExternal) return { name, dataType, external: null };
  const external = {
    name,
    location: entries.get('location') ?? '',
    offset: entries.get('offset') ?? null,
    length: entries.get('length') ?? null,
    dims,
    dataType,
  };
  return { name, dataType, external };
}

/** StringStringEntryProto of external_data; of the same key the last one counts, as for TensorRT's parser. */
async function readEntry(
  file: ModelFile,
  field: Field,
  tensor: Message,
  entries: Map<string, string>,
): Promise<void> {
  const entry = messageIn(field, tensor);
  if (entry === null) return;
  let key = '';
  let value = '';
  await visitFields(file, entry, (part) => {
    switch (part.number) {
      case 1:
        return readText(file, part, maxValueBytes)?.then((text) => void (key = text));
      case 2:
        return readText(file, part, maxValueBytes)?.then((text) => void (value = text));
      default:
        return undefined;
    }
  });
  if (key === 'location' || key === 'offset' || key === 'length') entries.set(key, value);
}
