export const restMs: number;

export interface Block {
  readonly warmUps: number;
  readonly iterations: number;
}

export interface TurnOptions {
  readonly block?: Block;
  readonly steady?: number;
  readonly restMs?: number;
}

export function inTurns<T>(
  rounds: number,
  sides: Readonly<Record<string, (block: Block) => Promise<T>>>,
  options?: TurnOptions,
): Promise<Record<string, T[]>>;

export interface Times {
  /** Microseconds. */
  readonly wall: readonly number[];
  readonly cpu: number;
}

export function asyncBlock(once: () => Promise<unknown>, block: Block): Promise<Times>;
export function syncBlock(once: () => unknown, block: Block): Times;
export function microseconds(milliseconds: number): number;
