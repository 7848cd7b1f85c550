import type { GatewayRequest } from "../support/gateway-messages.ts";
import { routingDifference } from "./compare.ts";
import { endpointHost, Pair } from "./pair.ts";
import type { ConfigParts } from "./picker-config.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const PROMPT = { model: "m", prompt: "hello" };
const CHAT = { path: "/v1/chat/completions" };
const MESSAGES = { path: "/v1/messages" };
const NOWHERE = ["10.255.255.1:8000"];

/** Requests that are answered with an error, each by the rule that it breaks. */
const REQUESTS: Readonly<Record<string, GatewayRequest>> = {
  "a body that is cut off": { body: '{"model": "m", "prompt": "he' },
  "a body that is no JSON": { body: "hello" },
  "a body that is empty": { body: "" },
  "a body that is an array": { body: [1, 2] },
  "a body that is null": { body: "null" },
  "JSON with something behind it": { body: '{"model": "m", "prompt": "x"} x' },
  "invalid UTF-8 in a string": {
    body: Buffer.concat([Buffer.from('{"model":"m","prompt":"'), Buffer.from([0xff, 0x22, 0x7d])]),
  },
  "no model": { body: { prompt: "hello" } },
  "an empty model": { body: { model: "", prompt: "hello" } },
  "a model that is a number": { body: { model: 7, prompt: "hello" } },
  "no prompt": { body: { model: "m" } },
  "a prompt that is null": { body: { model: "m", prompt: null } },
  "a prompt that is a number": { body: { model: "m", prompt: 7 } },
  "a prompt that is empty": { body: { model: "m", prompt: "" } },
  "chat without messages": { ...CHAT, body: { model: "m" } },
  "chat with messages that are empty": { ...CHAT, body: { model: "m", messages: [] } },
  "chat with messages that are a string": { ...CHAT, body: { model: "m", messages: "hello" } },
  "chat with a prompt": { ...CHAT, body: PROMPT },
  "embeddings without input": { path: "/v1/embeddings", body: { model: "m" } },
  "responses without input": { path: "/v1/responses", body: { model: "m" } },
  "Anthropic messages without messages": { ...MESSAGES, body: { model: "m", max_tokens: 1 } },
  "Anthropic messages without a maximum": {
    ...MESSAGES,
    body: { model: "m", messages: [{ role: "user", content: "x" }] },
  },
  "an empty subset": { body: PROMPT, subset: [] },
  "a subset of strangers": { body: PROMPT, subset: NOWHERE },
  "a wanted cached prefix that nobody has": { body: PROMPT, headers: { prefer: "if-available" } },
  "a wanted cached prefix, as one of several preferences": {
    body: PROMPT,
    headers: { prefer: "wait=5, If-Available; x=1" },
  },
};

/** Requests that are routed although something about them is odd. */
const ODD: Readonly<Record<string, GatewayRequest>> = {
  "no body": {},
  "a subset with the address of an endpoint and another port": { body: PROMPT, subset: [`${endpointHost(1)}:1`] },
  "a subset with the address of an endpoint alone": { body: PROMPT, subset: [endpointHost(1)] },
  "a path that no parser claims": { path: "/somewhere/else", body: "anything" },
  "a path with a query": { path: "/v1/completions?x=1", body: PROMPT },
  "a rewritten model": { body: PROMPT, headers: { "x-llm-d-model-name-rewrite": "n" } },
  "a rewritten model by its old header": { body: PROMPT, headers: { "x-gateway-model-name-rewrite": "n" } },
  embeddings: { path: "/v1/embeddings", body: { model: "m", input: "hello" } },
  responses: { path: "/v1/responses", body: { model: "m", input: "hello" } },
  "Anthropic messages": {
    ...MESSAGES,
    body: { model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] },
  },
  "a prompt of token ids": { body: { model: "m", prompt: [1, 2, 3] } },
  "unknown preferences": { body: PROMPT, headers: { prefer: "respond-async" } },
  "a body in pieces": { body: { model: "m", prompt: "x".repeat(200_000) }, chunkBytes: [1, 7, 4096, 65536] },
};

const QUEUE: ConfigParts = { plugins: [{ type: "queue-scorer" }], profile: [{ pluginRef: "queue-scorer", weight: 1 }] };
/** No endpoint has the label: the filters leave none. */
const NONE_LEFT: ConfigParts = {
  plugins: [{ type: "label-selector-filter", parameters: { matchLabels: { a: "b" } } }, ...QUEUE.plugins],
  profile: [{ pluginRef: "label-selector-filter" }, ...QUEUE.profile],
};

/** Status, body and headers of errors, and what becomes of odd requests. */
export const badRequests: Section = {
  name: "bad-requests",
  async run(context) {
    const errors = new Tally();
    const odd = new Tally();
    await compareAll(context, QUEUE, 2, REQUESTS, errors);
    await compareAll(context, QUEUE, 2, ODD, odd);
    await compareAll(context, NONE_LEFT, 2, { "filters that leave none": { body: PROMPT } }, errors);
    await compareAll(context, QUEUE, 0, { "no endpoint": { body: PROMPT }, "no endpoint and no body": {} }, errors);
    const comparisons: Comparison[] = [
      errors.comparison("errors", "errors", "status, body and headers of the answer to each kind of bad request"),
      odd.comparison("odd requests", "errors", "requests that are routed: destination, body sent on, rewritten model"),
    ];
    return comparisons;
  },
};

async function compareAll(
  { programs, progress }: SectionContext,
  config: ConfigParts,
  endpoints: number,
  requests: Readonly<Record<string, GatewayRequest>>,
  tally: Tally,
): Promise<void> {
  const pair = await Pair.start(programs, config, { endpoints });
  try {
    pair.fakes[0]?.setGauges({ waiting: 3 });
    await pair.settle();
    for (const [name, request] of Object.entries(requests)) {
      const held = await pair.route(request);
      await held.respond();
      const bodies = [held.ours, held.theirs].map(({ body }) => sameJson(body));
      const difference =
        (request.body === undefined ? immediateOnly(held.ours.immediate, held.theirs.immediate) : undefined) ??
        (request.body === undefined ? undefined : routingDifference(held.ours, held.theirs)) ??
        (bodies[0] === bodies[1] ? undefined : `body sent on: ours ${bodies[0]}, theirs ${bodies[1]}`);
      tally.add(difference === undefined ? undefined : `${name}: ${difference}`);
    }
    progress(`${Object.keys(requests).length} requests: ${tally.cases} so far, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}

/** A request without a body goes to a random endpoint: only a refusal can be compared. */
function immediateOnly(
  ours: { readonly status: number; readonly body: string } | undefined,
  theirs: { readonly status: number; readonly body: string } | undefined,
): string | undefined {
  const told = (answer: typeof ours): string => (answer === undefined ? "routed" : `${answer.status} ${answer.body}`);
  return told(ours) === told(theirs) ? undefined : `ours ${told(ours)}, theirs ${told(theirs)}`;
}

/** The body's value where it is JSON, as members may come in another order; else its bytes. */
function sameJson(body: Buffer): string {
  try {
    const value: unknown = JSON.parse(body.toString());
    return JSON.stringify(value, (_, member: unknown) =>
      typeof member === "object" && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
        : member,
    );
  } catch {
    return body.toString("base64");
  }
}
