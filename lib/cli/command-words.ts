/** What messages of the library tell a program to do, in commands and flags. */
const phrases: readonly (readonly [library: string, commandLine: (file: string) => string])[] = [
  [
    'Give it to buildEngine() and load what that makes.',
    (file) => `Build it first: trt-node build ${file}`,
  ],
  [
    'Give it to loadEngine().',
    (file) => `Give it to a command for engines, such as: trt-node inspect ${file}`,
  ],
  ['Check `plugins`.', () => 'Check `--plugin`.'],
  ['it is not among `plugins`.', () => 'it is not among those of `--plugin`.'],
  ['but `library` is ', () => 'but `--library` is '],
  ['Leave `library` out to search', () => 'Leave `--library` out to search'],
];

/** @param path the file that the message is about; null: none is known */
export function inCommandWords(message: string, path: string | null): string {
  const file = path === null ? '<file>' : /\s/.test(path) ? JSON.stringify(path) : path;
  return phrases.reduce(
    (text, [library, commandLine]) => text.replaceAll(library, () => commandLine(file)),
    message,
  );
}
