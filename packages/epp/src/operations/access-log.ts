import type { ArrivedRequest } from "../host/arrived-request.ts";
import type { Flight, Refusal } from "../host/flight.ts";
import type { Log } from "../host/log.ts";
import type { Observer } from "../host/observer.ts";

const US_PER_MS = 1000;

/** One line for each request, at level debug: facts, never content. Watches only where such lines are written. */
export class AccessLog implements Observer {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  responseEnded(flight: Flight): void {
    const { request, responseStartedAtUs, endedAtUs = 0, usage } = flight;
    const started = responseStartedAtUs;
    this.#log.debug(
      {
        ...requestFields(request),
        end: flight.end,
        status: flight.status,
        target: flight.targets[0],
        served: flight.served,
        decisionMs: flight.decisionUs / US_PER_MS,
        ttftMs: started === undefined ? undefined : (started - request.receivedAtUs) / US_PER_MS,
        durationMs: (endedAtUs - request.receivedAtUs) / US_PER_MS,
        outputTokens: usage?.outputTokens,
        cachedTokens: usage?.cachedTokens,
        responseBytes: flight.responseBytes,
      },
      "request",
    );
  }

  refused({ request, status, reason, decisionUs }: Refusal): void {
    const fields = { ...requestFields(request), end: "refused", status, reason, decisionMs: decisionUs / US_PER_MS };
    this.#log.debug(fields, "request");
  }
}

function requestFields(request: ArrivedRequest): object {
  const { id, path, model, targetModel, streaming, bodyBytes, promptTokens, priority, fairnessId, objective } = request;
  const named = { model, targetModel, priority, fairnessId, objective };
  return { requestId: id, path, ...named, streaming, bodyBytes, promptTokens };
}
