import { didYouMean, ScenarioError } from "../errors.ts";
import type { ModelArchitecture } from "./architecture.ts";
import { type CataloguedModel, MODEL_CONFIGS } from "./catalogue-configs.ts";
import { DEEPSEEK_MODEL_CONFIGS } from "./catalogue-deepseek-configs.ts";
import { HYBRID_MODEL_CONFIGS } from "./catalogue-hybrid-configs.ts";
import { VISION_MODEL_CONFIGS } from "./catalogue-vision-configs.ts";
import { importHuggingFaceConfig } from "./import-config.ts";

const SUFFIXES = /-(instruct|it|chat|base|chat-hf|instruct-hf)$/;

/** A name as it is compared: no case, no organisation's prefix `meta-`, no suffix that leaves the architecture as it is. */
function canonical(name: string): string {
  return name
    .toLowerCase()
    .replace("/meta-llama", "/llama")
    .replace(/^meta-llama-/, "llama-")
    .replace(SUFFIXES, "");
}

const ALL_CONFIGS: readonly CataloguedModel[] = [
  ...MODEL_CONFIGS,
  ...DEEPSEEK_MODEL_CONFIGS,
  ...HYBRID_MODEL_CONFIGS,
  ...VISION_MODEL_CONFIGS,
];

function namesOf({ id, aliases }: CataloguedModel): string[] {
  return [id, id.slice(id.indexOf("/") + 1), ...aliases].map(canonical);
}

/** Hugging Face ids of the built-in catalogue. */
export function catalogueModelIds(): string[] {
  return ALL_CONFIGS.map(({ id }) => id);
}

/**
 * A model of the built-in catalogue by its Hugging Face id, with or without its organisation and `-Instruct`.
 *
 * @throws ScenarioError when it is not there, with the nearest id
 */
export function modelNamed(name: string): ModelArchitecture {
  const wanted = canonical(name);
  const found = ALL_CONFIGS.find((model) => namesOf(model).includes(wanted));
  if (found !== undefined) return importHuggingFaceConfig(found.id, found.config);
  const known = catalogueModelIds();
  const near = didYouMean(name, [...known, ...known.map((id) => id.slice(id.indexOf("/") + 1))]);
  throw new ScenarioError(`unknown model "${name}"${near}; known: ${known.join(", ")}, or give its config.json`);
}
