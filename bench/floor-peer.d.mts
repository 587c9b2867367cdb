export class FloorPeer {
  constructor(program: string, device: number);
  ask(request: Readonly<Record<string, string | number>>): Promise<Record<string, unknown>>;
  close(): Promise<void>;
  kill(): void;
}
