/**
 * Cosine of the angle between two vectors: 1 for the same direction.
 *
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
export function cosine(a, b) {
  let product = 0;
  let squareOfA = 0;
  let squareOfB = 0;
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    product += value * other;
    squareOfA += value * value;
    squareOfB += other * other;
  }
  return product / Math.sqrt(squareOfA * squareOfB);
}

/**
 * The rows of a tensor [rows, columns].
 *
 * @param {Float32Array} data
 * @param {number} columns
 */
export function rowsOf(data, columns) {
  const count = columns === 0 ? 0 : data.length / columns;
  return Array.from({ length: count }, (_, row) =>
    data.subarray(row * columns, (row + 1) * columns),
  );
}
