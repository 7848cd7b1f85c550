import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ModelArchitecture } from "@windtunnel/sim-core";
import { importHuggingFaceConfig, modelNamed, ScenarioError } from "@windtunnel/sim-core";
import { UsageError } from "../exit-code.ts";
import { expandPath } from "../host/expand-path.ts";
import type { InputFile } from "../host/read-text.ts";
import { readText } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";
import type { ReadScenario } from "./read-scenario.ts";
import { atPlace } from "./read-scenario.ts";

/** The scenario's model: a Hugging Face `config.json` when it names a file, else one of the catalogue. */
export function loadModel(read: ReadScenario, terminal: Terminal): { model: ModelArchitecture; files: InputFile[] } {
  const name = read.scenario.spec.model;
  try {
    if (!name.endsWith(".json")) return { model: modelNamed(name), files: [] };
    const { path, config } = atPlace(read, ["spec", "model"], () => {
      const path = expandPath(name, read.directory, terminal.env);
      return { path, config: readText(path, name) };
    });
    const quantPath = path.replace(/config\.json$/, "hf_quant_config.json");
    const beside = join(dirname(path), "hf_quant_config.json");
    const quant = [quantPath, beside].find((candidate) => candidate !== path && existsSync(candidate));
    const quantText = quant === undefined ? undefined : readText(quant);
    const model = importHuggingFaceConfig(
      name,
      parseModelConfig(config.text, name),
      quantText && quant ? parseModelConfig(quantText.text, quant) : undefined,
    );
    return { model, files: [config.input, ...(quantText ? [quantText.input] : [])] };
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    throw new ScenarioError(`${read.place(["spec", "model"])}: ${error.message}`);
  }
}

/**
 * Strings, which stay as they are, and the words that Python's json module writes for numbers that JSON does not have.
 * What is left of the text after an odd quote is matched as a string, too.
 */
const STRINGS_AND_WORDS = /"(?:[^"\\]|\\.)*"?|-?\bInfinity\b|\bNaN\b/g;

/** A `config.json` as transformers writes it. @throws UsageError for text that is not JSON, or no map */
export function parseModelConfig(text: string, file: string): Record<string, unknown> {
  // A number beyond a double's range is read as infinite; those of the same length keep positions.
  const json = text.replace(STRINGS_AND_WORDS, (token) => NUMBERS[token] ?? token);
  let config: unknown;
  try {
    config = JSON.parse(json);
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`${file}:${placeOf(json)}: is not JSON: ${message.replace(/\s+/g, " ")}`);
  }
  if (typeof config === "object" && config !== null && !Array.isArray(config)) return config as Record<string, unknown>;
  throw new UsageError(`${file}:1:1: is not a model's config.json: expected a map`);
}

const NUMBERS: Readonly<Record<string, string>> = { Infinity: "1e999999", "-Infinity": "-1e999999", NaN: "null" };

/**
 * Line and column, from 1, of the first character with which a text is no longer the beginning of a JSON text.
 * JSON.parse itself often names no place.
 */
function placeOf(text: string): string {
  let whole = 0;
  let broken = text.length + 1;
  while (broken - whole > 1) {
    const middle = (whole + broken) >>> 1;
    if (mayGoOn(text.slice(0, middle))) whole = middle;
    else broken = middle;
  }
  const before = text.slice(0, whole);
  return `${before.split("\n").length}:${before.length - before.lastIndexOf("\n")}`;
}

/** Whether a text is JSON, or is wrong only for ending too soon. */
function mayGoOn(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    if (/end of JSON input|Unterminated/.test(message)) return true;
    return Number(/at position (\d+)/.exec(message)?.[1] ?? -1) === text.length;
  }
}
