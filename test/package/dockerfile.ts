/** A Dockerfile as far as those of docker/ go: no heredocs, no ONBUILD. */
import fs from 'node:fs';

export interface Instruction {
  /** `RUN` */
  readonly name: string;
  /** `--from=build` → `{ from: 'build' }` */
  readonly flags: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Stage {
  /** The image or stage that it starts from. */
  readonly from: string;
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** ARGs before the first FROM, with their defaults. */
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
}

export function readDockerfile(file: string): Dockerfile {
  const args: Record<string, string> = {};
  const stages: { from: string; name: string | null; instructions: Instruction[] }[] = [];
  for (const line of logicalLines(fs.readFileSync(file, 'utf8'))) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/s.exec(line) ?? [];
    const { flags, text } = flagsOf(rest);
    const stage = stages.at(-1);
    if (name === 'FROM') {
      const [, from = '', as = null] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(text) ?? [];
      stages.push({ from: expand(from, args), name: as, instructions: [] });
    } else if (stage === undefined) {
      const [key = '', value = ''] = splitAt(text, '=');
      args[key] = value;
    } else {
      stage.instructions.push({ name, flags, text });
    }
  }
  return { args, stages };
}

/** Comments and blank lines gone, continued lines joined. */
function logicalLines(text: string): string[] {
  const kept = text.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  return kept
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n');
}

function flagsOf(rest: string): { flags: Record<string, string>; text: string } {
  const flags: Record<string, string> = {};
  let text = rest;
  for (;;) {
    const [whole, name, value = ''] = /^--([\w-]+)(?:=(\S+))?\s+/.exec(text) ?? [];
    if (whole === undefined || name === undefined) return { flags, text };
    flags[name] = value;
    text = text.slice(whole.length);
  }
}

/** `KEY=value KEY2=value2` */
export function pairsOf(text: string): [string, string][] {
  return text.split(/\s+/).map((pair) => {
    const [key = '', value = ''] = splitAt(pair, '=');
    return [key, value];
  });
}

export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$\{(\w+)\}|\$(\w+)/g,
    (_, a?: string, b?: string) => values[a ?? b ?? ''] ?? '',
  );
}

function splitAt(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
