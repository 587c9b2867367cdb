/** The models of the ladder: their profiles, the inputs that are timed, and how right an engine of them is. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const models = { resnet50, minilm };

/**
 * @param {string} folder with a folder for each name in it, as scripts/make-*.py write them
 * @param {readonly string[]} names of `resnet50`, `minilm`
 * @param {{ minilmAlgorithm?: string }} options the calibrator of minilm's int8; min-max is what NVIDIA recommends for BERT
 */
export async function ladderModels(folder, names, { minilmAlgorithm = 'minmax' } = {}) {
  return await Promise.all(
    names.map(async (name) => {
      if (!Object.hasOwn(models, name)) {
        throw new Error(`expected ${Object.keys(models).join(' or ')} but received ${name}`);
      }
      return await models[name](path.join(folder, name), minilmAlgorithm);
    }),
  );
}

async function resnet50(folder) {
  const reference = await readReference(folder);
  const [{ inputs: largest }] = reference.cases.slice(-1);
  const images = await readTensor(folder, largest.image);
  return {
    name: 'resnet50',
    modelPath: path.join(folder, reference.model.file),
    modelSha256: reference.model.sha256,
    profiles: {
      'batch-1': { batch: [1, 1, 1] },
      'batch-8': { batch: [2, 8, 8] },
      'batch-128': { batch: [9, 128, 128] },
    },
    calibration: {
      data: path.join(folder, 'calibration.npy'),
      algorithm: 'entropy2',
      profile: { batch: 8 },
    },
    timed: [1, 8, 128].map((batch) => ({
      label: `batch ${batch}`,
      samples: batch,
      inputs: { image: repeated(images, batch) },
    })),
    accuracy: (engine) => resnet50Accuracy(engine, folder, reference),
  };
}

/** Against PyTorch's float32 logits. */
async function resnet50Accuracy(engine, folder, { cases }) {
  let [difference, largest, same, count] = [0, 0, 0, 0];
  for (const one of cases) {
    const image = await readTensor(folder, one.inputs.image);
    const expected = await readTensor(folder, one.outputs.logits);
    const { logits } = await engine.infer({ image });
    for (const [i, value] of expected.data.entries()) {
      // Math.max hands a NaN on.
      difference = Math.max(difference, Math.abs(logits.data[i] - value));
      largest = Math.max(largest, Math.abs(value));
    }
    const classes = expected.dims[1];
    for (let row = 0; row < expected.dims[0]; row++) {
      const [from, to] = [row * classes, (row + 1) * classes];
      if (largestAt(logits.data.subarray(from, to)) === largestAt(expected.data.subarray(from, to)))
        same += 1;
      count += 1;
    }
  }
  return { maxRelativeDifference: difference / largest, sameTopClass: same / count, images: count };
}

async function minilm(folder, algorithm) {
  const reference = await readReference(folder);
  const ids = (await readTensor(folder, reference.ids)).data;
  const embeddings = (await readTensor(folder, reference.embeddings)).data;
  let end = 0;
  const sentences = reference.sentences.map(({ ids: count }) => ids.subarray(end, (end += count)));
  const full = sentences.flatMap((sentence, index) => (sentence.length >= 128 ? [index] : []));
  return {
    name: 'minilm',
    modelPath: path.join(folder, reference.model.file),
    modelSha256: reference.model.sha256,
    profiles: { all: { batch: [1, 8, 32], seq: [1, 128, 512] } },
    calibration: {
      data: path.join(folder, 'calibration.npz'),
      algorithm,
      profile: { batch: 8, seq: 128 },
    },
    timed: [
      {
        label: '8 x 128',
        samples: 8,
        inputs: padded(
          full.slice(0, 8).map((index) => sentences[index].subarray(0, 128)),
          128,
        ),
      },
    ],
    accuracy: (engine) => minilmAccuracy(engine, sentences, embeddings, reference.batches),
  };
}

/** The cosine with PyTorch's float32 embedding, of each sentence, in batches of mixed length. */
async function minilmAccuracy(engine, sentences, embeddings, batches) {
  const cosines = [];
  for (const indices of batches) {
    const rows = indices.map((index) => sentences[index]);
    const { embedding } = await engine.infer(
      padded(rows, Math.max(...rows.map(({ length }) => length))),
    );
    const width = embedding.dims[1];
    for (const [row, index] of indices.entries()) {
      const found = embedding.data.subarray(row * width, (row + 1) * width);
      cosines.push(cosine(found, embeddings.subarray(index * width, (index + 1) * width)));
    }
  }
  const sum = cosines.reduce((total, value) => total + value, 0);
  return {
    meanCosine: sum / cosines.length,
    smallestCosine: Math.min(...cosines),
    sentences: cosines.length,
  };
}

function padded(rows, seq) {
  const dims = [rows.length, seq];
  const tokens = new BigInt64Array(rows.length * seq);
  const mask = new BigInt64Array(rows.length * seq);
  for (const [row, ids] of rows.entries()) {
    tokens.set(ids, row * seq);
    mask.fill(1n, row * seq, row * seq + ids.length);
  }
  return {
    input_ids: { type: 'int64', data: tokens, dims },
    attention_mask: { type: 'int64', data: mask, dims },
  };
}

/** The first `batch` samples, from the beginning again where there are fewer. */
function repeated({ type, data, dims }, batch) {
  const size = data.length / dims[0];
  const all = new data.constructor(batch * size);
  for (let row = 0; row < batch; row++) {
    const from = (row % dims[0]) * size;
    all.set(data.subarray(from, from + size), row * size);
  }
  return { type, data: all, dims: [batch, ...dims.slice(1)] };
}

function largestAt(row) {
  return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
}

function cosine(a, b) {
  let [product, aSquared, bSquared] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    product += x * b[i];
    aSquared += x * x;
    bSquared += b[i] * b[i];
  }
  return product / Math.sqrt(aSquared * bSquared);
}

async function readReference(folder) {
  return JSON.parse(await readFile(path.join(folder, 'reference.json'), 'utf8'));
}

async function readTensor(folder, { file, type, dims }) {
  const { buffer } = new Uint8Array(await readFile(path.join(folder, file)));
  return {
    type,
    dims,
    data: type === 'int64' ? new BigInt64Array(buffer) : new Float32Array(buffer),
  };
}
