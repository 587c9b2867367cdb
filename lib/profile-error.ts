import { TrtError } from './errors';

/** Where in the `profiles` option something stands. */
export interface ProfilePlace {
  /** `options.profiles[0]` or `options.profiles.small` */
  readonly path: string;
  /** The profile's position: what `details.profile` says. */
  readonly profile: number;
}

/** `path["an input"]`, or `path.input` where that can be written. */
export function member(path: string, name: string): string {
  const key = propertyKey(name);
  return key === name ? `${path}.${key}` : `${path}[${key}]`;
}

/** `name` as the key of an object literal: in quotes where it needs them. */
export function propertyKey(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** ERR_TRT_PROFILE_INVALID; `details` names profile, and input and axis or dim. */
export function invalidProfile(
  message: string,
  { profile }: ProfilePlace,
  details: Readonly<Record<string, unknown>>,
): TrtError {
  return new TrtError('ERR_TRT_PROFILE_INVALID', message, { details: { profile, ...details } });
}
