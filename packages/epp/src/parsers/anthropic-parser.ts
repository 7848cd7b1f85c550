import { compactJson, goEscaped, goString } from "./go-json.ts";
import { isObject, type Json } from "./json-body.ts";
import { badRequest, maxOutputTokens, objectOf, parsedJson, stringOrNone, text, wrongKind } from "./parsed.ts";
import type { ParsedRequest, Parser, PromptPart } from "./parser.ts";
import { anthropicEventUsage, anthropicResponseUsage } from "./usage.ts";

const MESSAGES = "messages";
const COUNT_TOKENS = "messages/count_tokens";

/** Bodies of the Anthropic API. */
export const anthropicParser: Parser = {
  type: "anthropic-parser",
  pathSuffixes: [MESSAGES, COUNT_TOKENS],
  parse(body, path): ParsedRequest {
    if (path.endsWith(`/${COUNT_TOKENS}`)) return uncounted();
    if (!path.endsWith(`/${MESSAGES}`)) throw badRequest(`unsupported API endpoint: ${path}`);
    const json = objectOf(body, (fault) => `error unmarshaling request body: ${fault}`);
    const parts = messagesPrompt(json);
    const prompt = { prompts: [parts], renderable: "chat", rendered: chatOf(json) } as const;
    return parsedJson(json, { prompt, ...maxOutputTokens(json.max_tokens) });
  },
  usageOfResponse: anthropicResponseUsage,
  usageOfEvent: anthropicEventUsage,
};

/** Counting tokens: any endpoint will do, whatever the body is. */
function uncounted(): ParsedRequest {
  return { model: "", modelRequired: false, stream: false, prompt: undefined, skipResponse: true, json: undefined };
}

/** The messages as those of a chat, for a renderer that knows no other; the system text is one of them. */
function chatOf({ system, messages }: Json): Json {
  const first = system === undefined || system === null ? [] : [{ role: "system", content: system }];
  return { messages: [...first, ...(messages as readonly unknown[])] };
}

/** Tools, system and messages, with nothing in between. */
function messagesPrompt({ tools, system, messages, cache_salt: cacheSalt }: Json): PromptPart[] {
  const parts: PromptPart[] = [];
  if (tools !== undefined && tools !== null) addTools(tools, parts);
  if (system !== undefined && system !== null) addContent(system, parts);
  if (messages !== undefined && messages !== null) addMessages(messages, parts);
  if (!stringOrNone(cacheSalt)) throw refusedKind(cacheSalt, "MessagesRequest.cache_salt", "string");
  if (!Array.isArray(messages) || messages.length === 0) {
    throw badRequest("invalid messages request: must have at least one message");
  }
  return parts;
}

function addMessages(messages: unknown, parts: PromptPart[]): void {
  if (!Array.isArray(messages)) {
    throw refusedKind(messages, "MessagesRequest.messages", "[]requesthandling.AnthropicMessage");
  }
  for (const message of messages) {
    if (message === null) continue;
    if (!isObject(message)) throw refusedKind(message, "MessagesRequest.messages", "requesthandling.AnthropicMessage");
    const { role, content } = message;
    if (typeof role === "string") {
      if (role !== "") parts.push(text(role));
    } else if (role !== undefined && role !== null) {
      throw refusedKind(role, "AnthropicMessage.messages.role", "string");
    }
    if (content !== undefined && content !== null) addContent(content, parts);
  }
}

/**
 * Of each tool what the model sees of it, in the order of upstream's record. A schema keeps its own order, and, other
 * than upstream, loses the spelling of its numbers and escapes.
 */
function addTools(tools: unknown, parts: PromptPart[]): void {
  if (!Array.isArray(tools)) throw refusedKind(tools, "MessagesRequest.tools", "[]requesthandling.AnthropicTool");
  const seen = tools.map((tool) => {
    if (tool === null) return '{"name":""}';
    if (!isObject(tool)) throw refusedKind(tool, "MessagesRequest.tools", "requesthandling.AnthropicTool");
    const { name, description, input_schema: schema } = tool;
    for (const field of ["name", "description"]) {
      if (!stringOrNone(tool[field])) throw refusedKind(tool[field], `AnthropicTool.tools.${field}`, "string");
    }
    const fields = [`"name":${goString((name ?? "") as string)}`];
    if (description) fields.push(`"description":${goString(description as string)}`);
    if (schema !== undefined) fields.push(`"input_schema":${goEscaped(compactJson(schema))}`);
    return `{${fields.join(",")}}`;
  });
  if (seen.length > 0) parts.push(text(`[${seen.join(",")}]`));
}

/** A string, or content blocks. */
function addContent(content: unknown, parts: PromptPart[]): void {
  if (typeof content === "string") {
    if (content !== "") parts.push(text(content));
    return;
  }
  if (!Array.isArray(content)) throw contentRefused();
  for (const block of content) if (block !== null) addBlock(block, parts);
}

function addBlock(block: unknown, parts: PromptPart[]): void {
  if (!isObject(block)) throw contentRefused();
  const { type, text: words, thinking, name, input, content, source } = block;
  if (![type, words, thinking, name, block.id, block.tool_use_id].every(stringOrNone)) throw contentRefused();
  if (source !== undefined && source !== null && !isObject(source)) throw contentRefused();
  const nested: PromptPart[] = [];
  if (content !== undefined && content !== null) addContent(content, nested);
  if (type === "text") parts.push(text((words ?? "") as string));
  else if (type === "thinking") parts.push(text((thinking ?? "") as string));
  else if (type === "tool_use") {
    parts.push(text(`${block.id ?? ""}${name ?? ""}${input === undefined ? "" : compactJson(input)}`));
  } else if (type === "tool_result") parts.push(...nested);
  if (source !== undefined && source !== null) addImage(source as Json, type === "image" ? parts : []);
}

/** Inline data wins over a URL; without either there is no image. */
function addImage(source: Json, parts: PromptPart[]): void {
  for (const name of ["type", "media_type", "data", "url"]) if (!stringOrNone(source[name])) throw contentRefused();
  if (source.data) parts.push({ kind: "image", url: source.data as string, inline: true });
  else if (source.url) parts.push({ kind: "image", url: source.url as string });
}

function contentRefused(): Error {
  return badRequest(
    "error parsing messages request: anthropic content: must be a string or an array of content blocks",
  );
}

function refusedKind(value: unknown, field: string, type: string): Error {
  return badRequest(`error parsing messages request: ${wrongKind(value, field, type)}`);
}
