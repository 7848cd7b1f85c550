import type { RandomSource } from "@windtunnel/router-policies";
import type { Flight } from "../host/flight.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { Parser } from "../parsers/parser.ts";
import { parserFor } from "../parsers/parser-for.ts";
import { withModel } from "../parsers/with-model.ts";
import type { PoolState } from "../pool/pool-state.ts";
import type { PromptTokens, Tokenizer } from "../tokens/prompt-tokens.ts";
import { DirectedRequest, type Incoming, NO_TOKENS } from "./directed-request.ts";
import { rewriteTarget } from "./model-rewrite.ts";
import { RequestError, RouterRefusal } from "./request-error.ts";

/** A request that the director has routed. It outlives the response's last chunk, so it keeps no content. */
export interface Routed {
  readonly flight: Flight;
  readonly parser: Parser | undefined;
  /** The response is not to be looked at. */
  readonly skipResponse: boolean;
}

/** A routed request, and what goes to the model server. */
export interface RoutedBody {
  readonly routed: Routed;
  readonly body: Uint8Array;
}

export interface DirectorParts {
  readonly live: LiveRouter;
  readonly pool: PoolState;
  /** Type names of the configured parsers, in order. */
  readonly parsers: readonly string[];
  readonly tokenizer: Tokenizer;
  readonly random: RandomSource;
  readonly modelRewritten?: (rewrite: string, model: string, target: string) => void;
}

/**
 * Turns a request into what the router knows of it, and asks the router. Order of work as upstream's director: parser,
 * model rewrite, objective, fairness, tokens, router (llm-d-router, `requestcontrol/director.go`).
 */
export class Director {
  readonly #parts: DirectorParts;

  constructor(parts: DirectorParts) {
    this.#parts = parts;
  }

  /**
   * Routes a request with a body; at once, unless its tokens come from elsewhere.
   *
   * @param abandoned whether the client has gone meanwhile: nothing is routed then
   * @throws RequestError
   */
  direct(incoming: Incoming, body: Uint8Array, abandoned: () => boolean): RoutedBody | Promise<RoutedBody | undefined> {
    const { headers } = incoming;
    const parser = parserFor(this.#parts.parsers, headers.path);
    const parsed = parser.parse(body, headers.path);
    const targetModel = this.#targetModel(headers.control("modelRewrite") || parsed.model);
    if (parsed.modelRequired && targetModel === "") throw new RequestError(400, "model not found in request body");
    const sent = targetModel === parsed.model ? body : withModel(parsed, body, targetModel);
    const tokens = this.#parts.tokenizer.tokens(parsed, targetModel, sent);
    const decide = (ready: PromptTokens): RoutedBody => {
      const priority = this.#parts.pool.priorityOf(headers.control("objective"));
      const found = { parsed, targetModel, tokens: ready, bodyBytes: body.length, priority };
      const request = new DirectedRequest(incoming, found);
      const flight = this.#flight(this.#parts.live.arrived(request));
      request.forgetPrompt();
      return { routed: { flight, parser, skipResponse: parsed.skipResponse }, body: sent };
    };
    if (!(tokens instanceof Promise)) return decide(tokens);
    return tokens.then((ready) => (abandoned() ? undefined : decide(ready)));
  }

  /** Routes a request without a body. @throws RequestError */
  directWithoutBody(incoming: Incoming): Routed {
    const priority = this.#parts.pool.priorityOf(incoming.headers.control("objective"));
    const found = { parsed: undefined, targetModel: "", tokens: NO_TOKENS, bodyBytes: 0, priority };
    const request = new DirectedRequest(incoming, found);
    const flight = this.#flight(this.#parts.live.arrivedWithoutBody(request));
    return { flight, parser: undefined, skipResponse: false };
  }

  #targetModel(asked: string): string {
    const found = this.#parts.pool.rewriteRuleOf(asked);
    if (found === undefined) return asked;
    const target = rewriteTarget(found.rule, this.#parts.random) ?? asked;
    this.#parts.modelRewritten?.(found.rewrite, asked, target);
    return target;
  }

  #flight(answer: ReturnType<LiveRouter["arrived"]>): Flight {
    if ("flight" in answer) return answer.flight;
    const { status, message, reason } = answer.refusal;
    throw new RouterRefusal(status, message, reason);
  }
}
