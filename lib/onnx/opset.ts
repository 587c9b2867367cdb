import { takeName, visitFields, wireType, type Message } from './fields';
import { malformedModel } from './model-error';
import type { ModelFile } from './model-file';
import { domainName } from './operators';

/** There are as many domains in a model as exporters and companies took part in it. */
const maxDomains = 1000;

/** OperatorSetIdProto; of the same domain the last one counts, as for TensorRT's parser. */
export async function readOpset(
  file: ModelFile,
  opset: Message,
  opsets: Map<string, number>,
): Promise<void> {
  let domain = '';
  let version = 0;
  await visitFields(file, opset, (field) => {
    if (field.number === 2 && field.wireType === wireType.varint) version = field.value;
    return field.number === 1 ? takeName(file, field, (text) => void (domain = text)) : undefined;
  });
  if (opsets.size === maxDomains) {
    throw malformedModel(file.where, `it imports operators of more than ${maxDomains} domains`);
  }
  opsets.set(domainName(domain), version);
}
