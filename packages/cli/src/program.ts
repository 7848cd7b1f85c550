import { Command } from "commander";
import manifest from "../package.json" with { type: "json" };
import type { Invocation } from "./commands/command.ts";
import type { Terminal } from "./host/terminal.ts";
import { addTrace, type Begin } from "./trace-program.ts";

const collect = (value: string, before: string[] = []) => [...before, value];
const collectList = (value: string, before: string[] = []) => [
  ...before,
  ...value.split(",").filter((part) => part !== ""),
];

const FORMAT_HELP = "table, json, ndjson, yaml, csv or markdown";

/** The command line: every command, option and help text. `start` is called with what was asked for. */
export function createProgram(
  terminal: Pick<Terminal, "out" | "err">,
  start: (invocation: Invocation) => void,
): Command {
  const program = new Command("windtunnel")
    .description("Simulates LLM inference fleets that run llm-d, with the router that they run.")
    .version(manifest.version)
    .addHelpText(
      "after",
      "\nExit codes: 0 pass, 1 crash, 2 bad usage or input, 130 interrupted with partial results written",
    )
    .showHelpAfterError("(windtunnel --help lists the commands)")
    .enablePositionalOptions()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .exitOverride();
  const begin: Begin =
    (command) =>
    (...args) => {
      // commander hands over the arguments, then the options, then itself.
      const positional = args
        .slice(0, -2)
        .flat()
        .filter((value) => typeof value === "string");
      start({ command, positional, options: args.at(-2) as Record<string, unknown> });
    };
  addRun(program, begin);
  addExplain(program, begin);
  addTrace(program, begin);
  program
    .command("policies [name]")
    .description("Router plugins and built-in configurations; of one, its parameters or its resolved document")
    .option("-o, --output <format>", FORMAT_HELP, "table")
    .action(begin("policies"));
  program
    .command("validate [files...]")
    .description("Checks scenarios, EndpointPickerConfigs and llm-d Helm values without running anything")
    .option("-f, --file <file>", "file to check; may be repeated", collect)
    .option("--set <path=value>", "overrides a value of a scenario", collect)
    .option("--strict", "departs from upstream's quirks, as spec.router.strict")
    .option("--allow-experimental-plugins", "accepts alpha plugins, as llm-d's flag")
    .action(begin("validate"));
  program
    .command("schema [kind]")
    .description("JSON Schema (draft 7) of a kind: Scenario, RunSummary")
    .action(begin("schema"));
  program
    .command("init [directory]")
    .description("Writes an example scenario and router configuration")
    .action(begin("init"));
  addReplayDecisions(program, begin);
  program
    .command("epp [flags...]")
    .description("Runs the production Endpoint Picker, with llm-d's flags (epp --help); epp demo tries it on loopback")
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions()
    .action(begin("epp"));
  return program;
}

function withScenario(command: Command): Command {
  return command
    .option("-f, --file <file>", "scenario; several are laid over each other, left to right", collect)
    .option("--policy <names>", "presets or EndpointPickerConfig files to run, instead of the scenario's", collectList)
    .option("--set <path=value>", "overrides a value, e.g. spec.pools[0].replicas=6", collect)
    .option("--set-string <path=value>", "overrides a value with text", collect)
    .option("--set-file <path=file>", "overrides a value with a file's text", collect)
    .option("--seed <seed>", "overrides spec.seed");
}

function addRun(program: Command, begin: Begin): void {
  withScenario(
    program
      .command("run [files...]")
      .description("Runs a scenario, of several files laid over each other; with several policies, compares them"),
  )
    .option("-o, --output <format>", FORMAT_HELP, "table")
    .option("--trace <path>", "replays this trace, or an Endpoint Picker's recording, instead of spec.workload")
    .option("--out <directory>", "writes summary, requests, series, decisions, the resolved scenario and router")
    .option("--dry-run", "prints the resolved scenario, every default in force, and runs nothing")
    .option("-q, --quiet", "no progress and no remarks on stderr")
    .action(begin("run"));
  program
    .command("demo")
    .description("Replays a sample trace under two policies and compares them")
    .option("-o, --output <format>", FORMAT_HELP, "table")
    .option("-q, --quiet", "no progress on stderr")
    .action(begin("demo"));
}

function addReplayDecisions(program: Command, begin: Begin): void {
  program
    .command("replay-decisions <recording>")
    .description(
      "Decides again on what an Endpoint Picker has recorded (epp --record): the same, or under another --config",
    )
    .option("--config <file>", "preset or EndpointPickerConfig: what would it change?")
    .option("--strict", "departs from upstream's quirks in --config")
    .option("--allow-experimental-plugins", "accepts alpha plugins in --config, as llm-d's flag")
    .option("-o, --output <format>", FORMAT_HELP, "table")
    .addHelpText(
      "after",
      "\nExit codes: 0 every decision is the same (or --config), 98 nothing that can be compared, 99 a decision differs",
    )
    .action(begin("replay-decisions"));
}

function addExplain(program: Command, begin: Begin): void {
  withScenario(
    program
      .command("explain [what...]")
      .description("Explains a routing decision, the difference between two policies, a metric, or a scenario's field")
      .addHelpText(
        "after",
        `
Examples:
  windtunnel explain -f scenario.yaml --request 17
  windtunnel explain -f scenario.yaml --policy round-robin,optimized-baseline
  windtunnel explain -f scenario.yaml --policy round-robin,optimized-baseline --request 17
  windtunnel explain RUN_DIRECTORY --request 17
  windtunnel explain topology -f scenario.yaml
  windtunnel explain metric ttft
  windtunnel explain schema spec.pools
  windtunnel explain accelerators
  windtunnel explain models`,
      ),
  )
    .option("--request <row>", "number of the request: its row in the trace, from 0")
    .option("-o, --output <format>", FORMAT_HELP, "table")
    .option("-q, --quiet", "no progress on stderr")
    .action(begin("explain"));
}
