import { readFile } from "node:fs/promises";
import path from "node:path";
import type { ParsedRequest, PromptPart } from "../parsers/parser.ts";
import type { PromptTokens, Tokenizer } from "./prompt-tokens.ts";
import type { TokenMaker } from "./request-tokens.ts";

/** A `tokenizer.json` that cannot be used. */
class TokenizerError extends Error {
  override readonly name = "TokenizerError";
}

/** What is used of `@huggingface/tokenizers`. */
interface Encoder {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
}

/**
 * Tokenizes with a model's `tokenizer.json` (and `tokenizer_config.json` beside it, where there is one), on the event
 * loop. A chat's template is not applied, which the library does not know: its tokens are those of the text that the
 * estimate counts too. Images, audio and video have none.
 */
export class TokenizerFile implements Tokenizer {
  readonly #maker: TokenMaker;
  readonly #loading: Promise<Encoder>;
  #encoder: Encoder | undefined;

  constructor(maker: TokenMaker, file: string) {
    this.#maker = maker;
    this.#loading = load(file);
    this.#loading.then(
      (encoder) => {
        this.#encoder = encoder;
      },
      // Whoever starts the server asks `ready`.
      () => undefined,
    );
  }

  async ready(): Promise<void> {
    await this.#loading;
  }

  tokens(parsed: ParsedRequest, targetModel: string): PromptTokens | Promise<PromptTokens> {
    const encoder = this.#encoder;
    if (encoder !== undefined) return this.#encoded(encoder, parsed, targetModel);
    return this.#loading.then(
      (loaded) => this.#encoded(loaded, parsed, targetModel),
      () => this.#maker.tokens([], { model: targetModel, cacheSalt: "" }),
    );
  }

  #encoded(encoder: Encoder, parsed: ParsedRequest, model: string): PromptTokens {
    const add_special_tokens = parsed.prompt?.renderable === "completions";
    const prompts = (parsed.prompt?.prompts ?? []).map((prompt) =>
      prompt instanceof Uint32Array
        ? prompt
        : Uint32Array.from(encoder.encode(textOf(prompt), { add_special_tokens }).ids),
    );
    return this.#maker.tokens(prompts, { model, cacheSalt: parsed.cacheSalt ?? "" });
  }
}

function textOf(parts: readonly PromptPart[]): string {
  return parts.map((part) => (part.kind === "text" ? part.text : "")).join("");
}

async function load(file: string): Promise<Encoder> {
  // Only who asks for a file pays for the library.
  const { Tokenizer: Loaded } = await import("@huggingface/tokenizers");
  try {
    const model = await readJson(file);
    const beside = await readJson(path.join(path.dirname(file), "tokenizer_config.json")).catch(() => ({}));
    return new Loaded(model, beside);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TokenizerError(`--tokenizer-file ${file}: ${code === undefined ? message : `cannot be read (${code})`}`);
  }
}

async function readJson(file: string): Promise<object> {
  const value: unknown = JSON.parse(await readFile(file, "utf8"));
  if (typeof value !== "object" || value === null) throw new Error("is no JSON object");
  return value;
}
