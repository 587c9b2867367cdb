// HEALTHCHECK: an image without a shell has no curl either.
const { PORT = '8080' } = process.env;
const url = `http://127.0.0.1:${PORT}/readyz`;
const ready = await fetch(url, { signal: AbortSignal.timeout(3_000) }).then(
  (response) => response.ok,
  () => false,
);
process.exit(ready ? 0 : 1);
