import { azureLikeCode, azureLikeConversation } from "./azure-like.ts";
import { codeComparison, comparisonTable, conversationComparison, mooncakeComparison } from "./comparison.ts";
import { mooncakeLike } from "./mooncake-like.ts";

/** The sample traces of traces/, what makes each, and how each compares with the trace it resembles. */
export const sampleTraces = [
  { file: "mooncake-like.jsonl", make: () => mooncakeLike("1"), comparison: mooncakeComparison },
  { file: "azure-like-conv.csv", make: () => azureLikeConversation("1"), comparison: conversationComparison },
  { file: "azure-like-code.csv", make: () => azureLikeCode("1"), comparison: codeComparison },
] as const;

/** The README of traces/ with the comparison table of each sample between its markers. */
export function sampleReadme(text: string): string {
  return sampleTraces.reduce((readme, { file, comparison }) => {
    const [begin, end] = [`<!-- ${file} -->\n`, `\n<!-- /${file} -->`];
    const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
    if (from < 0 || to < 0) throw new Error(`traces/README.md: expected the markers ${begin.trim()} and ${end.trim()}`);
    return readme.slice(0, from + begin.length) + comparisonTable(comparison()) + readme.slice(to);
  }, text);
}
