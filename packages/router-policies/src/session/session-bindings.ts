import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { bindingTarget, keyOf, type SessionAffinity } from "./session-affinity.ts";

interface Binding {
  readonly endpoint: string;
  readonly usedAtUs: number;
}

/** Where a session's id may stand; empty or undefined where the request has none there. */
export type SessionSource = (request: InferenceRequest) => string | undefined;

/**
 * Sessions by an id that the client sends, each bound to the endpoint that served it first. A session moves only when its
 * endpoint was no candidate. Source: llm-d-router `scheduling/util/sessionaffinity`.
 */
export class SessionBindings implements SessionAffinity {
  readonly #sources: readonly SessionSource[];
  readonly #ttlUs: number;
  readonly #profileName: string | undefined;
  /** Least recently used first. */
  readonly #bindings = new Map<string, Binding>();
  /** The request that last asked, while its session's endpoint was no candidate. */
  #missed: InferenceRequest | undefined;

  constructor(sources: readonly SessionSource[], ttlUs: number, profileName: string | undefined) {
    this.#sources = sources;
    this.#ttlUs = ttlUs;
    this.#profileName = profileName;
  }

  bound(request: InferenceRequest, endpoints: readonly Endpoint[], nowUs: number): Endpoint | undefined {
    this.#forgetOld(nowUs);
    const session = this.#sessionOf(request);
    const binding = session === undefined ? undefined : this.#bindings.get(session);
    if (binding === undefined) return undefined;
    const found = endpoints.find((endpoint) => keyOf(endpoint) === binding.endpoint);
    this.#missed = found === undefined ? request : undefined;
    return found;
  }

  preRequest(
    request: InferenceRequest,
    _ticket: number,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
    nowUs: number,
  ): void {
    const session = this.#sessionOf(request);
    const target = session === undefined ? undefined : bindingTarget(this.#profileName, primary, profiles);
    if (session === undefined || target === undefined) return;
    const binding = this.#bindings.get(session);
    const endpoint = keyOf(target);
    if (binding !== undefined && binding.endpoint !== endpoint && this.#missed !== request) return;
    this.#bindings.delete(session);
    this.#bindings.set(session, { endpoint, usedAtUs: nowUs });
  }

  #sessionOf(request: InferenceRequest): string | undefined {
    for (const source of this.#sources) {
      const id = source(request);
      if (id) return id;
    }
    return undefined;
  }

  #forgetOld(nowUs: number): void {
    for (const [session, { usedAtUs }] of this.#bindings) {
      if (nowUs - usedAtUs <= this.#ttlUs) return;
      this.#bindings.delete(session);
    }
  }
}
