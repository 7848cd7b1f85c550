import { chatPrompt } from "./chat-prompt.ts";
import { goJson, goString } from "./go-json.ts";
import { isObject, type Json } from "./json-body.ts";
import { badRequest, maxOutputTokens, objectOf, parsedJson, stringOrNone, text, tokenIds } from "./parsed.ts";
import type { ParsedRequest, Parser, PromptSource } from "./parser.ts";
import { openaiEventUsage, openaiResponseUsage } from "./usage.ts";

/** One API of the parser: what it asks of a body, and where its prompt is. */
interface Api {
  readonly suffix: string;
  /** Said of a body that the API does not allow. */
  readonly refusal: string;
  /** The prompt, which images have none of; null for a body that the API does not allow. */
  prompt(json: Json): PromptSource | undefined | null;
  readonly maxOutputTokens: readonly string[];
}

const completions: Omit<Api, "suffix"> = {
  refusal: "invalid completions request: must have prompt field",
  prompt: completionsPrompt,
  maxOutputTokens: ["max_tokens"],
};
const chat: Omit<Api, "suffix"> = {
  refusal: "invalid chat completions request: must have valid messages field",
  prompt: chatPrompt,
  maxOutputTokens: ["max_completion_tokens", "max_tokens"],
};

const APIS: readonly Api[] = [
  { suffix: "chat/completions", ...chat },
  { suffix: "chat/completions/render", ...chat },
  { suffix: "completions", ...completions },
  { suffix: "completions/render", ...completions },
  {
    suffix: "embeddings",
    refusal: "invalid embeddings request: must have input field",
    prompt: embeddingsPrompt,
    maxOutputTokens: [],
  },
  {
    suffix: "responses",
    refusal: "invalid responses request: must have input field",
    prompt: responsesPrompt,
    maxOutputTokens: ["max_output_tokens"],
  },
  {
    suffix: "conversations",
    refusal: "invalid conversations request: must have items field",
    prompt: conversationsPrompt,
    maxOutputTokens: [],
  },
  {
    suffix: "images/generations",
    refusal: "invalid images generations request: must have prompt field",
    prompt: (json) => (typeof json.prompt === "string" && json.prompt !== "" ? undefined : null),
    maxOutputTokens: [],
  },
];

/** Bodies of the OpenAI API. */
export const openaiParser: Parser = {
  type: "openai-parser",
  pathSuffixes: APIS.map(({ suffix }) => suffix),
  parse(body, path): ParsedRequest {
    const api = apiOf(path);
    const json = objectOf(body, (fault) => `error unmarshaling request bodyMap: ${fault}`);
    const prompt = stringOrNone(json.cache_salt) ? api.prompt(json) : null;
    if (prompt === null) throw badRequest(api.refusal);
    const limits = api.maxOutputTokens.map((name) => json[name]);
    return parsedJson(json, { prompt, ...maxOutputTokens(...limits) });
  },
  usageOfResponse: openaiResponseUsage,
  usageOfEvent: openaiEventUsage,
};

function apiOf(path: string): Api {
  const whole = path.endsWith("/") ? path.slice(0, -1) : path;
  let found: Api | undefined;
  for (const api of APIS) {
    if (whole.endsWith(api.suffix) && api.suffix.length > (found?.suffix.length ?? 0)) found = api;
  }
  if (found === undefined) throw badRequest(`unsupported API endpoint: ${path}`);
  return found;
}

/** A string, strings (a prompt each) or token ids. */
function completionsPrompt({ prompt }: Json): PromptSource | null {
  if (typeof prompt === "string")
    return prompt === "" ? null : { prompts: [[text(prompt)]], renderable: "completions" };
  if (!Array.isArray(prompt) || prompt.length === 0 || prompt[0] === null) return null;
  if (prompt.every((item) => typeof item === "string")) {
    return { prompts: prompt.map((item) => [text(item)]), renderable: "completions" };
  }
  const ids = tokenIds(prompt);
  return ids === undefined ? null : { prompts: [ids], renderable: "completions" };
}

/** Strings are taken as the JSON of upstream's record of them. */
function embeddingsPrompt({ input }: Json): PromptSource | null {
  if (typeof input === "string") {
    return input === "" ? null : { prompts: [[text(`{"Raw":${goString(input)},"Strings":null,"TokenIDs":null}`)]] };
  }
  if (!Array.isArray(input) || input.length === 0 || input[0] === null) return null;
  if (input.every((item) => typeof item === "string")) {
    return { prompts: [[text(`{"Raw":"","Strings":${goJson(input)},"TokenIDs":null}`)]] };
  }
  const ids = tokenIds(input);
  return ids === undefined ? null : { prompts: [ids] };
}

/** What the model sees of it: instructions, tools and input, as a list of objects of one field. */
function responsesPrompt(json: Json): PromptSource | null {
  if (json.input === undefined || json.input === null) return null;
  const parts = ["instructions", "tools", "input"].filter((name) => json[name] !== undefined && json[name] !== null);
  return { prompts: [[text(goJson(parts.map((name) => ({ [name]: json[name] }))))]] };
}

function conversationsPrompt({ items }: Json): PromptSource | null {
  if (!Array.isArray(items) || items.length === 0) return null;
  if (!items.every((item) => item === null || isConversationItem(item))) return null;
  const kept = items.map((item: Json | null) =>
    ["type", "role", "content"]
      .filter((name) => typeof item?.[name] === "string" && item[name] !== "")
      .map((name) => `"${name}":${goString(item?.[name] as string)}`),
  );
  return { prompts: [[text(`[${kept.map((fields) => `{${fields.join(",")}}`).join(",")}]`)]] };
}

function isConversationItem(item: unknown): item is Json {
  return isObject(item) && ["type", "role", "content"].every((name) => stringOrNone(item[name]));
}
