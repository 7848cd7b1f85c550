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

/** The scenario's model: a Hugging Face `config.json` when it names a file, else one of the catalogue. */
export function loadModel(read: ReadScenario, terminal: Terminal): { model: ModelArchitecture; files: InputFile[] } {
  const name = read.scenario.spec.model;
  try {
    if (!name.endsWith(".json")) return { model: modelNamed(name), files: [] };
    const path = expandPath(name, read.directory, terminal.env);
    const config = readText(path, name);
    const quantPath = path.replace(/config\.json$/, "hf_quant_config.json");
    const beside = join(dirname(path), "hf_quant_config.json");
    const quant = [quantPath, beside].find((candidate) => candidate !== path && existsSync(candidate));
    const quantText = quant === undefined ? undefined : readText(quant);
    const model = importHuggingFaceConfig(
      name,
      parseJson(config.text, name),
      quantText && quant ? parseJson(quantText.text, quant) : undefined,
    );
    return { model, files: [config.input, ...(quantText ? [quantText.input] : [])] };
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    throw new ScenarioError(`${read.place(["spec", "model"])}: ${error.message}`);
  }
}

function parseJson(text: string, file: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`${file}: is not JSON: ${(error as Error).message.replace(/\s+/g, " ")}`);
  }
}
