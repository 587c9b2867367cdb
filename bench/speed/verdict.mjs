/** One line of the table: what was measured, against what, and whether it is where it has to be. */

/** @param {{ what: string, value: number, limit: number, unit?: string, against: string, note?: string }} line */
export function atMost({ limit, ...line }) {
  return verdict(line, '≤', limit, line.value <= limit);
}

/** @param {{ what: string, value: number, limit: number, unit?: string, against: string, note?: string }} line */
export function atLeast({ limit, ...line }) {
  return verdict(line, '≥', limit, line.value >= limit);
}

/** Printed beside the others; nothing is asked of it. */
export function forInformation({ what, value, unit = '', against = '', note = '' }) {
  return { what, value, unit, against, note, limit: null, relation: '', pass: null };
}

function verdict({ what, value, unit = '', against, note = '' }, relation, limit, pass) {
  return { what, value, unit, against, note, limit, relation, pass };
}

/** As a Markdown table. */
export function printVerdicts(verdicts) {
  const number = (value) => {
    const size = Math.abs(value);
    return size >= 1000 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toPrecision(3);
  };
  const rows = verdicts.map(({ what, value, unit, relation, limit, against, pass, note }) => [
    what,
    `${number(value)} ${unit}`.trim(),
    limit === null ? '–' : `${relation} ${number(limit)} ${unit}`.trim(),
    against,
    pass === null ? '–' : pass ? 'pass' : 'MISS',
    note,
  ]);
  const header = ['what', 'measured', 'target', 'against', '', 'beside it'];
  for (const row of [header, header.map(() => '---'), ...rows]) {
    console.log(`| ${row.join(' | ')} |`);
  }
}
