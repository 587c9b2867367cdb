/** Where a value is not what it should be, `runs[0].gpu`; null: nowhere. */
type Check = (value: unknown, at: string) => string | null;

const text = of((value) => typeof value === 'string');
const number = of(Number.isFinite);
/** At least one. */
const numbers = of(
  (value) => Array.isArray(value) && value.length > 0 && value.every(Number.isFinite),
);

const moments = list(orNull(object({})));

/** What `bench diff` reads. More may stand in a record. */
const record = object({
  createdAt: text,
  environment: object({ variables: object({}), gpu: orNull(object({})) }),
  engines: list(object({ id: text, path: text, precision: orNull(list(text)) })),
  runs: list(
    object({
      ...{ engine: text, batch: orNull(number), concurrency: number, convention: text },
      endToEnd: object({ p50: number, mean: number, p99: number }),
      compute: object({ p50: number, mean: number }),
      gpuLatency: object({ p50: number }),
      throughput: number,
      cpuPerInference: object({ totalMs: number }),
      gpu: moments,
      samples: orNull(object({ endToEnd: numbers, h2d: numbers, compute: numbers, d2h: numbers })),
    }),
  ),
  loads: list(
    object({
      ...{ engine: text, batch: orNull(number), rate: number, arrival: text },
      latency: orNull(object({ p50: number, p99: number })),
      achievedRate: number,
      gpu: moments,
    }),
  ),
});

/** The first part of a parsed record that `bench diff` cannot do without and that is damaged; null: there is none. */
export function faultIn(parsed: unknown): string | null {
  return record(parsed, '');
}

function of(isValid: (value: unknown) => boolean): Check {
  return (value, at) => (isValid(value) ? null : at);
}

function orNull(check: Check): Check {
  return (value, at) => (value === null ? null : check(value, at));
}

function object(fields: Readonly<Record<string, Check>>): Check {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return at;
    const members = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of Object.entries(fields)) {
      const fault = check(members[name], at === '' ? name : `${at}.${name}`);
      if (fault !== null) return fault;
    }
    return null;
  };
}

function list(check: Check): Check {
  return (value, at) => {
    if (!Array.isArray(value)) return at;
    for (const [index, each] of (value as readonly unknown[]).entries()) {
      const fault = check(each, `${at}[${index}]`);
      if (fault !== null) return fault;
    }
    return null;
  };
}
