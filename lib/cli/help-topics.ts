/** A page of `trt-node help` that is about no command. */
export interface HelpTopic {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<string>;
}

export const helpTopics: readonly HelpTopic[] = [
  {
    name: 'trtexec',
    summary: "what trtexec's flags are here",
    load: async () => (await import('./help-trtexec.js')).trtexecHelp(),
  },
  {
    name: 'config',
    summary: 'trt-node.config.ts: several models in one go',
    load: async () => (await import('./help-config.js')).configHelp,
  },
  {
    name: 'environment',
    summary: 'environment variables',
    load: async () => (await import('./help-environment.js')).environmentHelp(),
  },
  {
    name: 'exit-codes',
    summary: 'what trt-node exits with',
    load: async () => (await import('./exit-codes.js')).exitCodesHelp.trimStart(),
  },
];

/** For the end of `trt-node --help`. */
export function helpTopicsList(): string {
  const width = Math.max(...helpTopics.map(({ name }) => name.length));
  const lines = helpTopics.map(({ name, summary }) => `  help ${name.padEnd(width)}  ${summary}`);
  return ['\nTopics:', ...lines].join('\n');
}
