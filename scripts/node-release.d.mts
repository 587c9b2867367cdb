export const otherMajors: readonly string[];
export function nodeRelease(major: string): string;
