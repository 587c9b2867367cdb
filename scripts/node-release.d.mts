export const majors: readonly string[];
export const otherMajors: readonly string[];
export function nodeRelease(major: string): string;
