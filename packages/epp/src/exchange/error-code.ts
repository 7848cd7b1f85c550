/** Words of upstream's error codes by HTTP status, in answers and as label `error_code` (llm-d-router, `pkg/common/error/error.go`). */
const CODES: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  412: "PreconditionFailed",
  // Not one of upstream's, which has no limit of its own.
  413: "PayloadTooLarge",
  429: "ResourceExhausted",
  500: "Internal",
  503: "ServiceUnavailable",
};

/** The model server answered with an error status. */
export const MODEL_SERVER_ERROR = "ModelServerError";

export function errorCode(status: number): string {
  return CODES[status] ?? "Unknown";
}
