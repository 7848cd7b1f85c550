/** A recording cannot be written or read: one line. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
}
