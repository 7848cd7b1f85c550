import type { EndpointFacts } from "@windtunnel/router-policies";
import { DEFAULT_FLOW } from "../host/arrived-request.ts";
import type { Salt } from "./salt.ts";

/** What names of models and objectives look like; anything else may be content. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._:/@+-]{0,198}[A-Za-z0-9])?$/;
/** Short enough to be no identity. */
const NUMBER = /^-?\d{1,9}(?:\.\d{1,6})?$/;

/** Decides which texts of a request stand in a recording as they are, and which as salted hashes. */
export class SafeNames {
  readonly #salt: Salt;
  /** What a request may say of the endpoints that are there, with how many have it: addresses, hosts, session tokens. */
  readonly #known = new Map<string, number>();

  constructor(salt: Salt) {
    this.#salt = salt;
  }

  endpointAdded(endpoint: EndpointName): void {
    for (const text of endpointForms(endpoint)) this.#known.set(text, (this.#known.get(text) ?? 0) + 1);
  }

  endpointRemoved(endpoint: EndpointName): void {
    for (const text of endpointForms(endpoint)) {
      const left = (this.#known.get(text) ?? 1) - 1;
      if (left > 0) this.#known.set(text, left);
      else this.#known.delete(text);
    }
  }

  /** A model or an objective. */
  name(text: string): string {
    return text === "" || NAME.test(text) ? text : this.#salt.text(text);
  }

  flow(text: string): string {
    return text === DEFAULT_FLOW ? text : this.#salt.text(text);
  }

  hashed(text: string): string {
    return this.#salt.text(text);
  }

  /** An address of a subset hint: one that no endpoint has selects nothing, whatever it is. */
  address(text: string): string {
    return addressForms(text).some((form) => this.#known.has(form)) ? text : this.#salt.text(text);
  }

  /** A header's value: its numbers and what names a known endpoint, separated by commas, stay. */
  header(value: string): string {
    return value
      .split(",")
      .map((item) => {
        const text = item.trim();
        return text === "" || NUMBER.test(text) || this.#known.has(text) ? text : this.#salt.text(text);
      })
      .join(",");
  }
}

type EndpointName = Pick<EndpointFacts, "namespace" | "name" | "address">;

/** Its address, and what `session-affinity-scorer` gives a client to bring back. */
function endpointForms({ namespace, name, address }: EndpointName): string[] {
  return [...addressForms(address), Buffer.from(`${namespace}/${name}`).toString("base64")];
}

/** The address, and its host as policies compare it. */
function addressForms(address: string): string[] {
  const colon = address.lastIndexOf(":");
  if (colon < 0) return [address];
  const host = address.slice(0, colon);
  return [address, host, ...(host.startsWith("[") ? [host.replace(/^\[|\]$/g, "")] : [])];
}
