import { goJson } from "./go-json.ts";
import { isObject, type Json } from "./json-body.ts";
import { booleanOrNone, stringOrNone, text } from "./parsed.ts";
import type { PromptPart, PromptSource } from "./parser.ts";

/**
 * The prompt of a chat: tools, then each message's role and content, with nothing in between; null for a body that is
 * no chat.
 */
export function chatPrompt(json: Json): PromptSource | null {
  if (!fieldsAllowed(json)) return null;
  const { messages, tools } = json;
  if (!Array.isArray(messages) || messages.length === 0) return null;
  const parts: PromptPart[] = [];
  if (Array.isArray(tools) && tools.length > 0) parts.push(text(goJson(tools)));
  for (const message of messages) {
    if (message !== null && !(isObject(message) && addMessage(message, parts))) return null;
  }
  return { prompts: [parts], renderable: "chat" };
}

/** Fields that upstream reads into types of their own. */
function fieldsAllowed(json: Json): boolean {
  return (
    arrayOrNone(json.tools) &&
    arrayOrNone(json.documents) &&
    stringOrNone(json.chat_template) &&
    booleanOrNone(json.return_assistant_tokens_mask) &&
    booleanOrNone(json.continue_final_message) &&
    booleanOrNone(json.add_generation_prompt) &&
    objectOrNone(json.chat_template_kwargs)
  );
}

function addMessage({ role, content, tool_calls: toolCalls }: Json, parts: PromptPart[]): boolean {
  if (!stringOrNone(role) || !arrayOrNone(toolCalls)) return false;
  if (typeof role === "string" && role !== "") parts.push(text(role));
  if (typeof content === "string") {
    if (content !== "") parts.push(text(content));
    return true;
  }
  if (content === undefined || content === null) return true;
  return Array.isArray(content) && content.every((block) => block === null || addBlock(block, parts));
}

function addBlock(block: unknown, parts: PromptPart[]): boolean {
  if (!isObject(block) || !stringOrNone(block.type) || !stringOrNone(block.text)) return false;
  const { image_url: image, video_url: video, input_audio: audio } = block;
  if (!objectOrNone(image) || !objectOrNone(video) || !objectOrNone(audio)) return false;
  const url = isObject(image) ? image.url : undefined;
  const videoUrl = isObject(video) ? video.url : undefined;
  const [data, format] = isObject(audio) ? [audio.data, audio.format] : [];
  if (![url, videoUrl, data, format].every(stringOrNone)) return false;
  if (block.type === "text") parts.push(text((block.text ?? "") as string));
  else if (block.type === "image_url") parts.push({ kind: "image", url: (url ?? "") as string });
  else if (block.type === "video_url") parts.push({ kind: "video", url: (videoUrl ?? "") as string });
  else if (block.type === "input_audio" || block.type === "audio_url") {
    const content = `${data ?? ""}${format ?? ""}`;
    parts.push({ kind: "audio", content, bytes: Buffer.byteLength(content) });
  }
  return true;
}

function arrayOrNone(value: unknown): boolean {
  return value === undefined || value === null || Array.isArray(value);
}

function objectOrNone(value: unknown): boolean {
  return value === undefined || value === null || isObject(value);
}
