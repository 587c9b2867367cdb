/**
 * An address as it may be shown: without its user and password, and without its query, where signed links keep theirs.
 */
export function redactUrl(url: string | URL): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return redactText(String(url));
  }
  const user = parsed.username !== '' || parsed.password !== '' ? '***@' : '';
  const query = parsed.search === '' ? '' : '?***';
  return `${parsed.protocol}//${user}${parsed.host}${parsed.pathname}${query}`;
}

/** Text of another program as it may be shown. */
export function redactText(text: string): string {
  // Greedy up to the last @ before a slash, as a password may hold an unescaped @.
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s'"<>]*@/gi, '$1***@')
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s'"<>?#]+)\?[^\s'"<>#]+/gi, '$1?***');
}
