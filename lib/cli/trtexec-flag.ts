/** What a flag of NVIDIA's trtexec is in trt-node. `ours` and `note` are what `help trtexec` and docs/trtexec.md print. */
export type TrtexecFlag = SameFlag | RewrittenFlag | NeedlessFlag | ElsewhereFlag | MissingFlag;

interface Flag {
  /** `--saveEngine` */
  readonly flag: string;
  /** What trtexec's help calls its value; absent: it has none. */
  readonly value?: string;
  readonly note?: string;
}

/** `build` has the flag itself, spelt so. */
export interface SameFlag extends Flag {
  readonly kind: 'same';
  readonly ours: string;
}

/** `build` has it under another name. */
export interface RewrittenFlag extends Flag {
  readonly kind: 'rewritten';
  readonly ours: string;
  /** The arguments that mean the same; `value` is empty where the flag has none. */
  readonly to: (value: string) => readonly string[];
}

/** Taken, as a build does what it asks for anyway. */
export interface NeedlessFlag extends Flag {
  readonly kind: 'needless';
  readonly note: string;
  /** The only values that are so. Absent: whatever it is given. */
  readonly only?: readonly string[];
}

/** Another command's. */
export interface ElsewhereFlag extends Flag {
  readonly kind: 'elsewhere';
  readonly command: 'bench' | 'profile' | 'inspect' | 'verify';
  /** How it is written there. Absent: the command does it by itself, and `note` says how. */
  readonly ours?: string;
}

/** Nothing in trt-node does it. */
export interface MissingFlag extends Flag {
  readonly kind: 'missing';
  /** What to do instead: the end of a sentence. */
  readonly note: string;
}
