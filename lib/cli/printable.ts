/**
 * Text that may come from somebody else's file, for a terminal: what a terminal would obey, or what would turn the line around, is
 * shown as an escape. Line feeds and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(obeyed, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Control characters, and those that change the direction of text. */
const obeyed = /(?![\n\t])[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
