import { isIPv4 } from "node:net";
import type { EndpointFacts } from "@windtunnel/router-policies";
import { nearestMatch } from "@windtunnel/router-policies";
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from "yaml";
import { PoolError } from "./pool-source.ts";

/** The largest endpoints file that is read. */
export const MAX_ENDPOINTS_FILE_BYTES = 1_048_576;

const FILE_FIELDS = ["endpoints"];
const ENDPOINT_FIELDS = ["name", "namespace", "address", "port", "labels"];
/** What may stand in a name or a namespace: no separator of keys, nothing that could break a log line. */
const NAME = /^[^\s/\p{Cc}]{1,253}$/u;

/** A field's value and where it stands in the text. */
interface Field {
  readonly node: unknown;
  readonly offset: number;
}

/**
 * The endpoints of a file in upstream's format: `endpoints: [{name, namespace, address, port, labels}]`. Stricter than
 * YAML asks: unknown fields, names and addresses that come twice, and anything but an IPv4 literal are errors.
 *
 * @throws PoolError with file:line:column at the first thing that is wrong.
 */
export function parseEndpointsFile(text: string, file: string): EndpointFacts[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent" });
  return new EndpointsReader(document, lines, file).read();
}

class EndpointsReader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #file: string;

  constructor(document: Document, lines: LineCounter, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.#file = file;
  }

  read(): EndpointFacts[] {
    const problem = this.#document.errors[0] ?? this.#document.warnings[0];
    if (problem !== undefined) this.#fail(problem.pos[0], `not valid YAML: ${problem.message}`);
    const fields = this.#fields(this.#document.contents, 0, "the file", FILE_FIELDS);
    const list = fields.get("endpoints");
    if (list === undefined) this.#fail(0, "the file has no endpoints (an empty pool is written endpoints: [])");
    const items = this.#resolved(list.node);
    if (!isSeq(items)) this.#fail(list.offset, `endpoints must be a list, found ${described(items)}`);
    return this.#unique(
      items.items.map((item) => {
        const offset = offsetOf(item) ?? list.offset;
        return { facts: this.#endpoint(item, offset), offset };
      }),
    );
  }

  #endpoint(item: unknown, offset: number): EndpointFacts {
    const fields = this.#fields(item, offset, "an endpoint", ENDPOINT_FIELDS);
    const required = (name: string): Field => {
      const field = fields.get(name);
      if (field === undefined) this.#fail(offset, `an endpoint needs ${name}, found none`);
      return field;
    };
    const name = this.#name(required("name"), "name");
    const given = fields.get("namespace");
    const namespace = given === undefined ? "default" : this.#name(given, "namespace");
    const address = this.#address(required("address"));
    return { name, namespace, address: `${address}:${this.#port(required("port"))}`, labels: this.#labels(fields) };
  }

  #name(field: Field, what: string): string {
    const name = this.#string(field, what);
    if (!NAME.test(name)) {
      this.#fail(field.offset, `${what} must be 1 to 253 characters without spaces or "/", found ${quoted(name)}`);
    }
    return name;
  }

  #address(field: Field): string {
    const address = this.#string(field, "address");
    if (!isIPv4(address)) {
      this.#fail(field.offset, `address must be an IPv4 literal such as 10.0.0.7, found ${quoted(address)}`);
    }
    return address;
  }

  #port(field: Field): number {
    const text = this.#string(field, "port");
    const port = Number(text);
    if (!/^[0-9]{1,5}$/.test(text) || port < 1 || port > 65_535) {
      this.#fail(field.offset, `port must be a quoted number from "1" to "65535", found ${quoted(text)}`);
    }
    return port;
  }

  #labels(fields: ReadonlyMap<string, Field>): Record<string, string> {
    const given = fields.get("labels");
    if (given === undefined) return {};
    const entries = [...this.#fields(given.node, given.offset, "labels", undefined)];
    return Object.fromEntries(entries.map(([key, field]) => [key, this.#string(field, `label ${quoted(key)}`)]));
  }

  #unique(endpoints: readonly { facts: EndpointFacts; offset: number }[]): EndpointFacts[] {
    const seen = new Map<string, number>();
    for (const { facts, offset } of endpoints) {
      for (const key of [`endpoint ${facts.namespace}/${facts.name}`, `address ${facts.address}`]) {
        const before = seen.get(key);
        if (before !== undefined) {
          this.#fail(offset, `${key} comes twice; the first is on line ${this.#lines.linePos(before).line}`);
        }
        seen.set(key, offset);
      }
    }
    return endpoints.map(({ facts }) => facts);
  }

  /** The fields of a mapping; without `allowed`, any name is one. */
  #fields(given: unknown, offset: number, what: string, allowed: readonly string[] | undefined): Map<string, Field> {
    const node = this.#resolved(given);
    if (!isMap(node)) this.#fail(offset, `${what} must be a mapping, found ${described(node)}`);
    const fields = new Map<string, Field>();
    for (const { key, value } of (node as YAMLMap).items) {
      const at = offsetOf(key) ?? offset;
      const name = isScalar(key) && typeof key.value === "string" ? key.value : undefined;
      if (name === undefined) this.#fail(at, `${what}: a field's name must be a string`);
      if (allowed !== undefined && !allowed.includes(name)) {
        this.#fail(at, `${what} has no field ${quoted(name)}${suggested(name, allowed)}`);
      }
      fields.set(name, { node: value, offset: offsetOf(value) ?? at });
    }
    return fields;
  }

  #string({ node, offset }: Field, what: string): string {
    const scalar = this.#resolved(node);
    const value = isScalar(scalar) ? scalar.value : scalar;
    if (typeof value === "string") return value;
    const hint = typeof value === "number" || typeof value === "boolean" ? "; put it in quotes" : "";
    this.#fail(offset, `${what} must be a string, found ${described(scalar)}${hint}`);
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #fail(offset: number, detail: string): never {
    const { line, col } = this.#lines.linePos(offset);
    const oneLine = detail.replace(/\s*[\r\n]+\s*/g, " ");
    throw new PoolError(`${this.#file}:${Math.max(1, line)}:${Math.max(1, col)}: ${oneLine}`);
  }
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0];
}

function described(node: unknown): string {
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  const value = isScalar(node) ? node.value : node;
  if (value === null || value === undefined) return "nothing";
  return typeof value === "string" ? quoted(value) : String(value).slice(0, 80);
}

function quoted(text: string): string {
  const short = JSON.stringify(text);
  return short.length > 80 ? `${short.slice(0, 77)}...` : short;
}

function suggested(found: string, allowed: readonly string[]): string {
  const near = nearestMatch(found, allowed);
  return near === undefined ? ` (allowed: ${allowed.join(", ")})` : ` (did you mean "${near}"?)`;
}
