import { didYouMean, publishedScenarioSchema, runSummarySchema } from "@windtunnel/sim-core";
import * as z from "zod";
import { ExitCode, UsageError } from "../exit-code.ts";
import type { Command } from "./command.ts";

const KINDS: Readonly<Record<string, () => object>> = {
  Scenario: publishedScenarioSchema,
  RunSummary: () => z.toJSONSchema(runSummarySchema, { target: "draft-7" }),
};

/** `windtunnel schema [Kind]`: the JSON Schema (draft 7) of a kind, or the list of kinds. */
export const schema: Command = ({ positional: [kind] }, terminal) => {
  const names = Object.keys(KINDS);
  if (kind === undefined) {
    terminal.out(`${names.join("\n")}\n`);
    return ExitCode.pass;
  }
  const make = KINDS[kind];
  if (!make) throw new UsageError(`unknown kind "${kind}"${didYouMean(kind, names)}; allowed: ${names.join(", ")}`);
  const { $schema, ...rest } = make() as Record<string, unknown>;
  const $id = `https://windtunnel.dev/schemas/v1alpha1/${kind}.json`;
  terminal.out(`${JSON.stringify({ $schema, $id, ...rest }, null, 2)}\n`);
  return ExitCode.pass;
};
