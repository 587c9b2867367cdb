import { messageIn, takeName, visitFields, type Message } from '../onnx/fields';
import { ModelFile } from '../onnx/model-file';

/** What of `wanted` is the name of a tensor in a model's main graph: an input of it, or an output of a node. */
export async function tensorsOfModel(
  model: string,
  wanted: ReadonlySet<string>,
  signal: AbortSignal | null,
): Promise<ReadonlySet<string>> {
  return await ModelFile.with(model, model, signal, async (file) => {
    const found = new Set<string>();
    const take = (name: string): void => {
      if (wanted.has(name)) found.add(name);
    };
    const visitIn = async (
      message: Message,
      number: number,
      visit: (inner: Message) => Promise<void>,
    ): Promise<void> =>
      await visitFields(file, message, (field) => {
        const inner = field.number === number ? messageIn(field, message) : null;
        return inner === null ? undefined : visit(inner);
      });
    const names = async (message: Message, number: number): Promise<void> =>
      await visitFields(file, message, (field) =>
        field.number === number ? takeName(file, field, take) : undefined,
      );
    const whole = { start: 0, end: file.sizeBytes, depth: 0 };
    await visitIn(whole, 7, async (graph) => {
      await visitIn(graph, 1, (node) => names(node, 2));
      await visitIn(graph, 11, (input) => names(input, 1));
    });
    return found;
  });
}
