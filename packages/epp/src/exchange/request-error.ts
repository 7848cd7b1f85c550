/** The words of upstream's error codes by HTTP status (llm-d-router, `pkg/common/error/error.go`). */
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

/** A request that is answered at once with an error status. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  /** Header `x-llm-d-request-dropped-reason`. */
  readonly droppedReason: string | undefined;

  constructor(status: number, message: string, droppedReason?: string) {
    super(message);
    this.status = status;
    this.droppedReason = droppedReason;
  }

  /** The body of the answer, as upstream words it. */
  get body(): string {
    return `inference error: ${CODES[this.status] ?? "Unknown"} - ${this.message}`;
  }
}

/** The router turned the request away: whoever watches the router knows of it. */
export class RouterRefusal extends RequestError {}
