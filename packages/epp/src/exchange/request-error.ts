import { errorCode } from "./error-code.ts";

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
    return `inference error: ${errorCode(this.status)} - ${this.message}`;
  }
}

/** The router turned the request away: whoever watches the router knows of it. */
export class RouterRefusal extends RequestError {}
