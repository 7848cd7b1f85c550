/** Words of upstream's error codes by HTTP status, as label `error_code` has them (llm-d-router, `pkg/common/error`). */
const CODES: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  412: "PreconditionFailed",
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
