/** As much of other packages as documentation and examples use of them, after their published types. None of them is installed here. */

declare module 'sharp' {
  interface RawImage {
    readonly data: Buffer;
    readonly info: { readonly width: number; readonly height: number; readonly channels: number };
  }
  interface Resize {
    readonly fit?: 'cover' | 'contain' | 'fill' | 'inside' | 'outside';
    readonly kernel?: 'nearest' | 'cubic' | 'lanczos3';
  }
  interface Sharp {
    rotate(): Sharp;
    resize(width: number, height: number, options?: Resize): Sharp;
    removeAlpha(): Sharp;
    toColourspace(name: 'srgb'): Sharp;
    raw(): Sharp;
    toBuffer(options: { readonly resolveWithObject: true }): Promise<RawImage>;
  }
  const sharp: (input: string | Uint8Array) => Sharp;
  export { sharp as default };
}

declare module '@huggingface/transformers' {
  interface Tensor {
    readonly type: 'int64';
    readonly data: BigInt64Array;
    readonly dims: number[];
  }
  interface Options {
    readonly padding?: boolean | 'max_length';
    readonly truncation?: boolean;
    readonly max_length?: number;
  }
  type Tokenizer = (text: string | string[], options?: Options) => Record<string, Tensor>;
  export const AutoTokenizer: { from_pretrained(name: string): Promise<Tokenizer> };
}
