/** Running other programs, for the scripts of this folder. Node's own modules alone: it works before `npm ci`. */
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** A failure that has said all there is to say: it is printed without a stack. */
export class StepError extends Error {}

/** Runs a program with its output shown. Throws a StepError when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) throw startFailure(command, result.error);
  if (result.status !== 0) {
    const how = result.signal ? `was ended by ${result.signal}` : `exited with ${result.status}`;
    throw new StepError(`${[command, ...args].join(' ')} ${how}`);
  }
}

/** Runs a program quietly: `{ status, stdout, stderr }`. Throws only when it cannot be started. */
export function capture(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    ...options,
  });
  if (result.error) throw startFailure(command, result.error);
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** `capture`, for what runs beside other programs. */
export function captureBeside(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (data) => (stdout += data));
    child.stderr.setEncoding('utf8').on('data', (data) => (stderr += data));
    child.once('error', (error) => reject(startFailure(command, error)));
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** `capture`, for a program whose failure is ours: its output becomes the error. */
export function output(command, args, options = {}) {
  const result = capture(command, args, options);
  if (result.status !== 0) {
    throw new StepError(
      `${[command, ...args].join(' ')} exited with ${result.status}:\n${result.stdout}${result.stderr}`,
    );
  }
  return result.stdout;
}

function startFailure(command, error) {
  return error.code === 'ENOENT'
    ? new StepError(`${command} is needed and was not found on PATH: install it and run this again`)
    : error;
}

/** The time since `start` (a `performance.now()`), for a person. */
export function since(start) {
  return duration(performance.now() - start);
}

/** `0.4 s`, `2 min 05 s` */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const rest = String(Math.floor(seconds % 60)).padStart(2, '0');
  return `${Math.floor(seconds / 60)} min ${rest} s`;
}

/** Whether this module is the program that was started, not one that another imports. */
export function isMain(meta) {
  return process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(meta.url);
}

/** Runs a script's main function; a StepError ends it with its message, anything else with its stack. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    console.error(error instanceof StepError ? error.message : error);
    process.exitCode = 1;
  }
}
