/**
 * The simple commands of a shell script, each as its words: enough of a shell's grammar for what documentation shows. Quotes are
 * taken off, comments and redirections fall away, `$(…)` is read as commands of its own.
 */
export function simpleCommands(script: string): string[][] {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | null = null;
  const endWord = () => {
    if (word !== null) words.push(word);
    word = null;
  };
  const endCommand = () => {
    endWord();
    if (words.length > 0) commands.push(withoutRedirections(words));
    words = [];
  };
  const text = script.replaceAll('\\\n', ' ');
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === "'" || character === '"') {
      const end = text.indexOf(character, at + 1);
      if (end === -1) throw new Error(`a quote is not closed: ${text.slice(at, at + 40)}`);
      word = (word ?? '') + text.slice(at + 1, end);
      at = end;
    } else if (character === '\\') {
      at += 1;
      word = (word ?? '') + (text[at] ?? '');
    } else if (character === '#' && word === null) {
      const end = text.indexOf('\n', at);
      at = (end === -1 ? text.length : end) - 1;
    } else if (character === '$' && text[at + 1] === '(') {
      const end = text.indexOf(')', at);
      commands.push(...simpleCommands(text.slice(at + 2, end)));
      word = `${word ?? ''}$()`;
      at = end;
    } else if (/[\n;|&()]/.test(character) && !isRedirection(text, at)) {
      endCommand();
    } else if (/\s/.test(character)) {
      endWord();
    } else {
      word = (word ?? '') + character;
    }
  }
  endCommand();
  return commands;
}

/** The `&` of `2>&1`. */
function isRedirection(text: string, at: number): boolean {
  return text[at] === '&' && (text[at - 1] === '>' || text[at + 1] === '>');
}

function withoutRedirections(words: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (/^\d?[<>]{1,2}$/.test(word)) index += 1;
    else if (!/^(\d|&)?[<>]/.test(word)) kept.push(word);
  }
  return kept;
}
