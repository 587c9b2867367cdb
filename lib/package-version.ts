import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The version in package.json, which lies one folder above lib/ and dist/ alike. */
export function packageVersion(): string {
  const text = readFileSync(path.join(__dirname, '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
