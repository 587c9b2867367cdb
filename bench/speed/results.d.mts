export interface Step {
  readonly planSha256: string;
  readonly settings: object;
}
/** The file of results of `npm run bench:gpu`. */
export class Results {
  static open(file: string | undefined, command: string): Promise<Results>;
  known(name: string, planSha256: string, settings: object): Step | undefined;
  keep(name: string, step: Step): Promise<void>;
  describe(facts: object): Promise<void>;
}
export function sha256Of(file: string): Promise<string>;
