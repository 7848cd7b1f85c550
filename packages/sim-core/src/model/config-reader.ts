import { ScenarioError } from "../errors.ts";

/** A parsed Hugging Face `config.json`. */
export type HuggingFaceConfig = Readonly<Record<string, unknown>>;

/** Reads the values of a config, each under its first key that is present. */
export class ConfigReader {
  readonly name: string;
  readonly #config: HuggingFaceConfig;

  constructor(name: string, config: HuggingFaceConfig) {
    this.name = name;
    this.#config = config;
  }

  /** The value as it is; undefined for null too. */
  get(...keys: string[]): unknown {
    const key = keys.find((candidate) => this.#config[candidate] !== undefined && this.#config[candidate] !== null);
    return key === undefined ? undefined : this.#config[key];
  }

  /** A whole number of 0 or more. */
  optional(...keys: string[]): number | undefined {
    const value = this.get(...keys);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    const key = keys.find((candidate) => this.#config[candidate] === value);
    throw new ScenarioError(
      `${this.name}: config.json "${key}" is ${JSON.stringify(value)}, allowed: a whole number of 0 or more`,
    );
  }

  /** A whole number above 0. */
  required(...keys: string[]): number {
    const value = this.optional(...keys);
    if (value !== undefined && value > 0) return value;
    const found = value === undefined ? "is missing" : "is 0";
    throw new ScenarioError(`${this.name}: config.json "${keys.join('" or "')}" ${found}, allowed: a number above 0`);
  }

  /** A list with an entry for each layer; undefined where there is none, or an empty one. */
  perLayer(key: string, layers: number): readonly unknown[] | undefined {
    const value = this.get(key);
    if (!Array.isArray(value) || value.length === 0) return undefined;
    if (value.length >= layers) return value.slice(0, layers);
    throw new ScenarioError(`${this.name}: config.json "${key}" has ${value.length} entries, allowed: ${layers}`);
  }

  /** A nested map. */
  nested(key: string): ConfigReader | undefined {
    const value = this.get(key);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return new ConfigReader(`${this.name}: "${key}"`, value as HuggingFaceConfig);
  }
}
