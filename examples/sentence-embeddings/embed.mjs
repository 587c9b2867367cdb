// node embed.mjs minilm.engine "a sentence" "another one" …
import { AutoTokenizer } from '@huggingface/transformers';
import { loadEngine } from 'trt-node';
import { cosine, rowsOf } from './similarity.mjs';

const [plan, ...sentences] = process.argv.slice(2);
if (plan === undefined || sentences.length < 2) {
  console.error('usage: node embed.mjs minilm.engine "a sentence" "another one" …');
  process.exit(2);
}
const tokenizer = await AutoTokenizer.from_pretrained('sentence-transformers/all-MiniLM-L6-v2');
const engine = await loadEngine(plan);
try {
  // One batch, padded to its longest sentence: the attention mask says what is padding.
  const encoded = tokenizer(sentences, { padding: true, truncation: true, max_length: 256 });
  // The tokenizer's tensors are taken as they are. It may make more of them than this model has inputs.
  const inputs = Object.fromEntries(
    engine.inputs.flatMap(({ name }) => {
      const tensor = encoded[name];
      return tensor === undefined ? [] : [[name, tensor]];
    }),
  );
  const { sentence_embedding: embedding } = await engine.infer(inputs, {
    outputs: ['sentence_embedding'],
  });
  const [first, ...others] = rowsOf(embedding.toFloat32(), embedding.dims[1] ?? 0);
  if (first === undefined) throw new Error('expected one embedding for each sentence');
  console.log(`like ${JSON.stringify(sentences[0])}:`);
  for (const [index, other] of others.entries()) {
    console.log(`  ${cosine(first, other).toFixed(3)}  ${sentences[index + 1]}`);
  }
} finally {
  await engine.close();
}
