import pc from 'picocolors';
import { buildEngine } from '../build';
import { checkReportPath, writeReport } from '../report/write-report';
import { withAbortOnSignals } from './abort-on-signals';
import type { BuildFlags } from './build-flags';
import { jsonOfBuild, jsonOfBuilds, type BuildOutcome } from './build-outcome';
import { buildReport } from './build-report';
import { buildRequestsOf, type BuildRequest } from './build-requests';
import { renderBuildSummary } from './build-summary';
import { renderBuildsTable } from './builds-table';
import { exitCodeOf } from './exit-codes';
import { nearPath } from './near-path';
import { printable } from './printable';
import { createProgressView, type ProgressStyle, type ProgressView } from './progress-view';
import { formatError } from './report-error';

/** `trt-node build`: one model, or those of the config file, one after the other. */
export async function runBuilds(words: readonly string[], flags: BuildFlags): Promise<void> {
  const requests = await buildRequestsOf(words, flags);
  const [single] = requests;
  const { report } = flags;
  if (report !== undefined) await checkReportPath(report);
  const outcomes = await withAbortOnSignals((signal) => buildAll(requests, flags, signal));
  if (report !== undefined) await writeReport(report, buildReport(outcomes, process.argv));
  print(outcomes, flags, single?.name == null);
  const failed = outcomes.find(({ status }) => status === 'failed');
  if (failed?.status === 'failed') process.exitCode = exitCodeOf(failed.error);
}

async function buildAll(
  requests: readonly BuildRequest[],
  flags: BuildFlags,
  signal: AbortSignal,
): Promise<readonly BuildOutcome[]> {
  const outcomes: BuildOutcome[] = [];
  for (const [index, request] of requests.entries()) {
    const stopped = flags.keepGoing !== true && outcomes.some(({ status }) => status === 'failed');
    if (stopped) {
      outcomes.push({ status: 'not-built', request });
      continue;
    }
    announce(request, flags, `${index + 1} of ${requests.length}`);
    try {
      outcomes.push(await buildOne(request, flags, signal));
    } catch (error) {
      // Of a single model, and on Ctrl-C, there is nothing else to tell.
      if (request.name === null || signal.aborted) throw error;
      process.stderr.write(`${pc.bold(printable(request.name))}: ${formatError(error)}\n`);
      outcomes.push({ status: 'failed', request, error });
    }
  }
  return outcomes;
}

function announce({ name, model }: BuildRequest, flags: BuildFlags, place: string): void {
  if (name === null || flags.quiet === true) return;
  process.stderr.write(`${pc.bold(printable(name))} (${place}): ${printable(nearPath(model))}\n`);
}

async function buildOne(
  request: BuildRequest,
  flags: BuildFlags,
  signal: AbortSignal,
): Promise<BuildOutcome> {
  const view = createProgressView(progressStyle(flags), process.stderr);
  const built = await (async () => {
    try {
      return await buildEngine(request.model, {
        ...request.options,
        signal,
        onProgress: (progress) => view.update(progress),
      });
    } finally {
      view.end();
    }
  })();
  tellWarnings(view, flags);
  const { manifest, sizeBytes } = built;
  return { status: 'built', request, manifest, sizeBytes };
}

function tellWarnings(view: ProgressView, flags: BuildFlags): void {
  // In the whole log they stand in their places.
  if (flags.quiet === true || flags.verbose === true) return;
  for (const warning of view.warnings) {
    process.stderr.write(`${pc.yellow('warning')}: TensorRT: ${printable(warning)}\n`);
  }
}

function progressStyle({ quiet, verbose }: BuildFlags): ProgressStyle {
  if (quiet) return 'none';
  if (verbose) return 'log';
  return process.stderr.isTTY ? 'bar' : 'lines';
}

function print(outcomes: readonly BuildOutcome[], flags: BuildFlags, ofFile: boolean): void {
  const [first] = outcomes;
  const single = ofFile && first?.status === 'built' ? first : null;
  if (flags.json) {
    const result = single === null ? jsonOfBuilds(outcomes) : jsonOfBuild(single);
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  if (flags.quiet) return;
  const color = pc.isColorSupported;
  const text =
    single === null
      ? renderBuildsTable(outcomes, { color })
      : renderBuildSummary(single.request.options.output, single.manifest, { color });
  process.stdout.write(`${text}\n`);
}
