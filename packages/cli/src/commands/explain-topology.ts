import { resolveNetwork } from "@windtunnel/sim-core";
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import { formatData, formatTable, isDataFormat, parseFormat } from "../output/format.ts";
import { linkTable, topologyData, topologyTables, topologyTree } from "../output/topology-tables.ts";
import { readScenario } from "../run/read-scenario.ts";
import type { ExplainOptions } from "./explain.ts";

/** `windtunnel explain topology -f SCENARIO`: where each replica is, and the links between them. */
export function explainTopology(asked: ExplainOptions, terminal: Terminal): ExitCode {
  const format = parseFormat(asked.output);
  const read = readScenario(asked, terminal);
  const network = resolveNetwork(read);
  const colour = useColour(terminal);
  if (isDataFormat(format)) {
    terminal.out(formatData(topologyData(network), format));
  } else if (format === "csv") {
    terminal.out(formatTable(linkTable(network), format, colour));
  } else {
    const tree = topologyTree(network).join("\n");
    const tables = topologyTables(network).map((table) => formatTable(table, format, colour));
    terminal.out([format === "markdown" ? `\`\`\`\n${tree}\n\`\`\`\n` : `${tree}\n`, ...tables].join("\n"));
  }
  return ExitCode.pass;
}
