/** Orders dotted numbers: negative when `a` is older. Missing parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** `10.6.0.26` → `10.6.0`: plans are bound to major, minor and patch; libraries do not tell their build number. */
export function releaseOf(version: string): string {
  return version.split('.').slice(0, 3).join('.');
}

/** Whether `10` and `10.6.0.26`, which file names tell, may be release `10.6.0`: they say nothing else, as far as they go. */
export function isVersionOf(named: string, release: string): boolean {
  return `${release}.`.startsWith(`${releaseOf(named)}.`);
}
