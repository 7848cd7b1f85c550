import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import type { Outgoing } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { base64Of, textOfBase64 } from "./base64.ts";
import { bindingTarget, keyOf, type SessionAffinity } from "./session-affinity.ts";

const DEFAULT_HEADER = "x-session-token";

/**
 * A session that the client carries: a header with the endpoint's `namespace/name` in base64, set on each response. Source:
 * llm-d-router `scheduling/util/sessionaffinity`.
 */
export class EncodedEndpointHeader implements SessionAffinity {
  readonly #header: string;
  readonly #profileName: string | undefined;

  constructor(header: string, profileName: string | undefined) {
    this.#header = header.trim().toLowerCase() || DEFAULT_HEADER;
    this.#profileName = profileName;
  }

  bound(request: InferenceRequest, endpoints: readonly Endpoint[]): Endpoint | undefined {
    const token = request.header(this.#header);
    const key = token ? textOfBase64(token) : undefined;
    return key === undefined ? undefined : endpoints.find((endpoint) => keyOf(endpoint) === key);
  }

  outgoing(
    _request: InferenceRequest,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
    outgoing: Outgoing,
  ): void {
    const target = bindingTarget(this.#profileName, primary, profiles);
    if (target === undefined) return;
    outgoing.responseHeaders = [...(outgoing.responseHeaders ?? []), [this.#header, base64Of(keyOf(target))]];
  }
}
