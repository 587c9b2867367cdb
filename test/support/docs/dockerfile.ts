const instructions = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);

/** What Docker would refuse at sight: unknown instructions, arguments in broken JSON, copies from stages that there are not. */
export function dockerfileProblems(code: string): string[] {
  const problems: string[] = [];
  const stages: string[] = [];
  for (const line of logicalLines(code)) {
    const [, name = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? [];
    if (!instructions.has(name)) problems.push(`no instruction: ${line}`);
    if (rest === '') problems.push(`nothing to do: ${line}`);
    if (rest.startsWith('[') && !isStrings(rest)) problems.push(`no JSON: ${line}`);
    const stage = name === 'FROM' ? /\sAS\s+(\S+)$/i.exec(rest)?.[1] : undefined;
    if (stage !== undefined) stages.push(stage);
    const from = /--from=(\S+)/.exec(rest)?.[1];
    if (from !== undefined && !/[./:]/.test(from) && !stages.includes(from)) {
      problems.push(`no stage ${from}: ${line}`);
    }
  }
  return problems;
}

function logicalLines(code: string): string[] {
  const joined = code.replaceAll(/^\s*#.*\n/gm, '').replaceAll(/\\\n/g, ' ');
  return joined.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}

function isStrings(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => typeof each === 'string');
  } catch {
    return false;
  }
}
