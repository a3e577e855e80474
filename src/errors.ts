/**
 * Every error the program raises on purpose: one class, one table of codes.
 * The message says what, where, found and expected; the hint is the command or change that mends it.
 */

/** Error code -> exit code of the command line: 1 = it failed, 2 = it was used wrongly. */
export const ERROR_EXIT_CODES = {
  // used wrongly
  BOX_INVALID: 2,
  CONFIG_INVALID: 2,
  OPTION_INVALID: 2,
  INPUT_NOT_FOUND: 2,
  START_OUT_OF_RANGE: 2,
  // failed
  VIDEO_UNREADABLE: 1,
  VIDEO_WRITE_FAILED: 1,
  FFMPEG_MISSING: 1,
  FFMPEG_OLD: 1,
  IMAGE_UNREADABLE: 1,
  OUTPUT_FAILED: 1,
  MODEL_MISSING: 1,
  MODEL_INVALID: 1,
  RUNTIME_UNAVAILABLE: 1,
  TENSORFLOW_UNAVAILABLE: 1,
  DATA_INVALID: 1,
  CHECKPOINT_INVALID: 1,
  TRACKER_NOT_STARTED: 1,
  TRACKER_RELEASED: 1,
  NOT_IMPROVED: 1,
  SERVER_FAILED: 1,
  INTERRUPTED: 1,
} as const;

/** Kinds of failure. */
export type ErrorCode = keyof typeof ERROR_EXIT_CODES;

/** Hint and cause of an error. */
export interface TrackerErrorOptions {
  /** The command or change that mends it. */
  hint: string;
  /** The error that was caught. */
  cause?: unknown;
}

/** Every error that is raised on purpose. */
export class TrackerError extends Error {
  /** Kind of failure; each has its exit code. */
  readonly code: ErrorCode;
  /** The command or change that mends it. */
  readonly hint: string;
  /** Creates an error. @param message what, where, found, expected */
  constructor(code: ErrorCode, message: string, options: TrackerErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TrackerError';
    this.code = code;
    this.hint = options.hint;
  }

  /** 1 = failed, 2 = used wrongly. */
  get exitCode(): 1 | 2 {
    return ERROR_EXIT_CODES[this.code];
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Truncates `text` for error messages. */
export function shortened(text: string, length = 200): string {
  return text.length <= length ? text : `${text.slice(0, length)}... (${text.length} characters)`;
}
