// A service that is ready once its engine is loaded and warm. Replace what it answers; keep the order of things.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { loadEngine, Tensor, TrtError } from 'trt-node';

const {
  PLAN = 'model.engine',
  RUNTIME_CACHE,
  PORT = '8080',
  READY_GRACE_MS = '5000',
} = process.env;

let engine = null;
let stopping = false;

const send = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
};

// Listening comes first: a probe is answered with "not yet" instead of a refused connection.
const server = createServer((request, response) => {
  const ready = engine !== null && !stopping;
  if (request.url === '/healthz') return send(response, 200, { alive: true });
  if (request.url === '/readyz') return send(response, ready ? 200 : 503, { ready });
  if (!ready) return send(response, 503, { ready });
  json(request)
    .then((values) => engine.infer({ [engine.inputs[0].name]: Tensor.from(values) }))
    .then((outputs) => send(response, 200, Object.values(outputs)[0].toNested()))
    .catch((error) => send(response, 500, { code: error instanceof TrtError ? error.code : null }));
});

process.once('SIGTERM', () => {
  stopping = true;
  setTimeout(() => {
    server.close(() => void engine?.close({ drain: true, timeoutMs: 10_000 }));
  }, Number(READY_GRACE_MS));
});

server.listen(Number(PORT));

try {
  // RUNTIME_CACHE is for TensorRT-RTX alone: the kernels that it compiles on this GPU, for the next start.
  const loaded = await loadEngine(PLAN, RUNTIME_CACHE ? { runtimeCache: RUNTIME_CACHE } : {});
  await loaded.warmup();
  engine = loaded;
} catch (error) {
  console.error(error instanceof TrtError ? `${error.code}: ${error.message}` : error);
  process.exit(1);
}
