/** What a run of scripts/test.mjs has counted, which failed and why, and where its time went. */
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { duration } from './process.mjs';

/** Of each failure this many lines are shown, and of each suite this many of its slowest tests. */
const shownLines = 12;
const shownTests = 10;

export class TestResults {
  #passed = 0;
  #failures = [];
  #skipped = 0;
  #parts = [];
  #suites = [];

  /** Adds what a part counted: `{ passed, failures, skipped }`, each failure `{ suite, file?, name, output }`. */
  add({ passed = 0, failures = [], skipped = 0 }) {
    this.#passed += passed;
    this.#failures.push(...failures);
    this.#skipped += skipped;
  }

  /** Adds how long a part took, and of a suite its tests: `{ file, name, ms }` each. */
  addTime(part, ms, tests = []) {
    this.#parts.push({ part, ms });
    if (tests.length > 0) this.#suites.push({ suite: part, tests });
  }

  get failed() {
    return this.#failures.length;
  }

  /** The slowest tests, the parts' times and every failure, most wanted last. */
  text() {
    const failures = this.#failures.map(failureText);
    return [
      ...this.#suites.map(slowestText),
      partsText(this.#parts),
      ...(failures.length > 0
        ? [`What failed (${failures.length}):\n\n${failures.join('\n\n')}`]
        : []),
    ]
      .map((text) => `\n${text}`)
      .join('\n');
  }

  /** The last line of the run. */
  counts() {
    return `${this.#passed} passed, ${this.failed} failed, ${this.#skipped} skipped`;
  }
}

/** What Vitest's JSON report tells of a suite: `{ passed, failures, skipped, tests }`. Files are named from `root` on. */
export function readVitestReport(report, suite, root) {
  const counted = { passed: 0, failures: [], skipped: 0, tests: [] };
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = path.relative(root, name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    for (const test of assertionResults) {
      if (test.status === 'passed') counted.passed++;
      else if (test.status !== 'failed') counted.skipped++;
      counted.tests.push({ file, name: test.fullName, ms: test.duration ?? 0 });
    }
    for (const { fullName, failureMessages } of failed) {
      counted.failures.push({
        suite,
        file,
        name: fullName,
        output: withoutFrames(failureMessages),
      });
    }
    // A file that could not be loaded, or whose hook failed, has no failed test of its own.
    if (status === 'failed' && failed.length === 0) {
      const output =
        message || 'Vitest’s report has no message of it; the output of the suite has, above';
      counted.failures.push({ suite, file, name: 'the file itself, or a hook', output });
    }
  }
  return counted;
}

/** Frames of the test runner tell nothing. */
function withoutFrames(messages) {
  const lines = messages.join('\n').split('\n');
  return lines
    .filter((line) => !/^\s+at (?:.*node_modules\/|new Promise \(<anonymous>\)$)/.test(line))
    .join('\n');
}

/** The last lines of what a program printed: it says there why it failed. */
export function ending(output) {
  return linesOf(output).slice(-shownLines).join('\n');
}

function failureText({ suite, file, name, output }, index) {
  const lines = linesOf(output ?? '');
  const shown = lines.slice(0, shownLines);
  if (lines.length > shown.length) shown.push(`… and ${lines.length - shown.length} lines more`);
  const where = [suite, file, name].filter(Boolean).join(' › ');
  return [`${index + 1}. ${where}`, ...shown.map((line) => `   ${line}`)].join('\n').trimEnd();
}

function slowestText({ suite, tests }) {
  const slowest = [...tests].sort((a, b) => b.ms - a.ms).slice(0, shownTests);
  const rows = slowest.map(({ file, name, ms }) => `${column(duration(ms))}  ${file} › ${name}`);
  return [`The slowest tests of ${suite}:`, ...rows].join('\n');
}

function partsText(parts) {
  const rows = parts.map(({ part, ms }) => `${column(duration(ms))}  ${part}`);
  return ['How long each part took:', ...rows].join('\n');
}

function column(text) {
  return text.padStart(12);
}

function linesOf(output) {
  return stripVTControlCharacters(output).trimEnd().split('\n');
}
