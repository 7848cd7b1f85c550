import { bufferOf } from "../wire/buffer-of.ts";
import type { HeaderMap } from "../wire/ext-proc.ts";
import { CONTROL_HEADERS } from "./control-headers.ts";

/** The headers of one request, by lower-case name; of a repeated one the last counts. */
export class RequestHeaders {
  readonly #values = new Map<string, string>();

  constructor(headers: HeaderMap | undefined) {
    for (const { key, value, rawValue } of headers?.headers ?? []) {
      // As names of models are in bodies; what is no UTF-8 becomes a replacement character, as in upstream's JSON.
      const text = rawValue !== undefined && rawValue.length > 0 ? bufferOf(rawValue).toString() : (value ?? "");
      this.#values.set(key.toLowerCase(), text);
    }
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** The value of a cookie as it stands, the first of that name (llm-d-router, `dataproducer/sessionid/producer.go`). */
  cookie(name: string): string | undefined {
    for (const pair of (this.#values.get("cookie") ?? "").split(";")) {
      const equals = pair.indexOf("=");
      if (equals >= 0 && pair.slice(0, equals).trimStart() === name) return pair.slice(equals + 1).trimEnd();
    }
    return undefined;
  }

  control(name: keyof typeof CONTROL_HEADERS): string | undefined {
    const [newer, older] = CONTROL_HEADERS[name];
    return this.#values.get(newer) ?? this.#values.get(older);
  }

  /** A control header as a number; undefined when absent or no finite number above 0. */
  controlNumber(name: keyof typeof CONTROL_HEADERS): number | undefined {
    const value = Number(this.control(name) || Number.NaN);
    return value > 0 && value < Number.POSITIVE_INFINITY ? value : undefined;
  }

  /** The path that picks the parser, without its query (llm-d-router, `pkg/epp/handlers/parsers.go`). */
  get path(): string {
    for (const name of PATH_HEADERS) {
      const path = this.#values.get(name);
      if (path) return path.split("?", 1)[0]!;
    }
    return "/v1/completions";
  }

  /** Whether the client wants an answer only from a cached prefix: `Prefer: if-available`. */
  get onlyIfCached(): boolean {
    const prefer = this.#values.get("prefer");
    return prefer?.split(",").some((item) => item.split(";", 1)[0]!.trim().toLowerCase() === "if-available") ?? false;
  }
}

const PATH_HEADERS = [":path", "x-original-path", "x-forwarded-path"];
