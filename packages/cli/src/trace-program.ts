import type { Command } from "commander";
import type { CommandName } from "./commands/command.ts";

/** Gives what starts a command, for commander to call with its arguments. */
export type Begin = (command: CommandName) => (...args: unknown[]) => void;

/** `windtunnel trace …`: its commands, options and help texts. */
export function addTrace(program: Command, begin: Begin): void {
  const trace = program.command("trace").description("Looks at, converts, checks, samples and fetches traces");
  const sub = (name: string, text: string) =>
    trace
      .command(name)
      .description(text)
      .action((...args: unknown[]) => begin("trace")(name.split(" ")[0], ...args));
  withReading(sub("info <file>", "Statistics of a trace: arrivals, lengths, reuse"))
    .option("--cache", "also what caches of several sizes, fleets and policies would hit (seconds, not milliseconds)")
    .option("--jitter <duration>", "also the arrivals with uniform(0, jitter) added to each, e.g. 3s")
    .option("-o, --output <format>", "table, json, yaml, csv or markdown", "table");
  withTransform(withReading(sub("convert <file> <target>", "Writes a trace, transformed, in another format"))).option(
    "--to <format>",
    "format to write; a target that ends in .gz is packed",
    "mooncake",
  );
  withReading(sub("validate <file>", "Checks every row of a trace"));
  withTransform(withReading(sub("sample <file> <target>", "Writes part of a trace, order and ids kept")))
    .option("--count <count>", "sessions to keep, a single request being one", "1000")
    .option("--to <format>", "format to write", "windtunnel")
    .option("--mode <mode>", "window: neighbours, times from the first; every-nth: at their own times", "window");
  sub("fetch [name]", "Downloads a public trace and checks its SHA-256; without a name, lists them")
    .option("--out <directory>", "where to write it", ".")
    .option("--from <url>", "address of a mirror's folder");
}

/** How a file is read. */
function withReading(command: Command): Command {
  return command
    .option("--format <name>", "format of the trace; auto finds it from the first record", "auto")
    .option("--block-size-tokens <tokens>", "tokens of a hash block (default: the format's)")
    .option("--servegen-start <duration>", "ServeGen archives: first moment that is generated (default: 0s)")
    .option("--servegen-duration <duration>", "ServeGen archives: how much is generated (default: all)")
    .option("--seed <seed>", "seed of everything that is drawn", "1");
}

/** What is done to the requests, in the order in which it is done. */
function withTransform(command: Command): Command {
  return command
    .option("--rate <per-second>", "Poisson arrivals at this rate instead of the trace's own")
    .option("--window-start <duration>", "first arrival that is kept; becomes time 0")
    .option("--window-end <duration>", "arrivals from here on are left out")
    .option("--limit <count>", "first requests only")
    .option("--jitter <duration>", "adds uniform(0, jitter) to each arrival, e.g. 3s")
    .option("--prompt-length-scale <factor>", "multiplies prompt lengths; what is shared stays shared")
    .option("--output-length-scale <factor>", "multiplies output lengths")
    .option("--time-scale <factor>", "multiplies every time, think times included")
    .option("--rate-scale <factor>", "arrivals come this many times as fast; think times stay")
    .option("--repeat <times>", "the trace this many times, one after the other");
}
