/** Where the program lies unless said. */
export const floorPath: string;
/** Compiles bench/floor.cc; returns `file`. */
export function buildFloor(file?: string): string;
