import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { importHuggingFaceConfig } from "../../../src/model/import-config.ts";
import { countParameters } from "../../../src/model/parameters.ts";
import { SUPPORTED_MODEL_TYPES } from "../../../src/model/supported-types.ts";

const data = process.env.WINDTUNNEL_DATA ?? join(import.meta.dirname, "../../../../../../shared");
const folder = join(data, "models");
// Some files hold the bare word Infinity, as Python writes it.
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8").replace(/\bInfinity\b/g, "1e999"));
const found = existsSync(folder);
const files = found ? readdirSync(folder).filter((f) => f.endsWith("_config.json") && !f.includes("hf_quant")) : [];

describe.skipIf(!found)(`published config.json files (skipped where ${folder} is absent)`, () => {
  it.each(files)("%s", (file) => {
    const config = read(file);
    const quantFile = file.replace("_config.json", "_hf_quant_config.json");
    const quant = existsSync(join(folder, quantFile)) ? read(quantFile) : undefined;
    if (SUPPORTED_MODEL_TYPES.includes(config.model_type)) {
      const model = importHuggingFaceConfig(file, config, quant);
      expect(countParameters(model).total).toBeGreaterThan(5e8);
      if (/FP8|fp8/.test(file)) expect(model.weightFormat).toMatch(/^fp8/);
      if (/NVFP4/.test(file)) expect(model.weightFormat).toBe("nvfp4");
    } else {
      expect(() => importHuggingFaceConfig(file, config, quant)).toThrow(
        /is not supported, missing: .+; supported: llama/,
      );
    }
  });
});
