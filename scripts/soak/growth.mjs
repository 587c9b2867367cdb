/** Whether a figure that was sampled for a long time grows. */

/**
 * The growth per second that the samples show: the median of the slopes of all pairs (Theil and Sen), which a spike or a step at one
 * sample does not move.
 * @param {readonly { seconds: number, value: number }[]} samples at least two, at different times
 */
export function slopeOf(samples) {
  const slopes = [];
  for (const [i, one] of samples.entries()) {
    for (const other of samples.slice(i + 1)) {
      slopes.push((other.value - one.value) / (other.seconds - one.seconds));
    }
  }
  slopes.sort((a, b) => a - b);
  const middle = Math.floor(slopes.length / 2);
  return slopes.length % 2 === 1 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2;
}

/**
 * The growth over the samples' whole time. What is kept for reuse is taken in the first third, which is left out.
 * @param {readonly { seconds: number, value: number }[]} samples
 * @param {number} limit the growth that still counts as flat
 */
export function judgeGrowth(samples, limit) {
  const judged = samples.slice(Math.floor(samples.length / 3));
  const first = judged[0];
  const last = judged.at(-1);
  if (judged.length < 4) throw new Error(`expected at least 6 samples but took ${samples.length}`);
  const slope = slopeOf(judged);
  const growth = slope * (last.seconds - first.seconds);
  return {
    first: first.value,
    last: last.value,
    perHour: slope * 3600,
    growth,
    limit,
    flat: growth <= limit,
  };
}
