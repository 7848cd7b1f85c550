import { namedStream } from "../../kernel/random.ts";
import { drawLengths, type InferencePerfColumns, type InferencePerfPrompts } from "./inference-perf-prompts.ts";
import type { InferencePerfConfig } from "./inference-perf-schema.ts";

/** The fixed prompts of a `shared_prefix` configuration, in the order in which they are sent. */
interface SharedPrefixTable {
  readonly groups: number;
  readonly prompts: number;
  /** Prompt numbers (group × prompts per group + prompt) after the one shuffle. */
  readonly order: Int32Array;
  readonly groupOf: (prompt: number) => number;
  readonly prefixTokens: Int32Array;
  readonly questionTokens: Int32Array;
  readonly outputTokens: Int32Array;
}

/**
 * `data.type: shared_prefix`: groups × prompts fixed prompts, shuffled once; request i of every stage sends prompt
 * `i mod N` (datagen/synthetic/shared_prefix_datagen.py). Group g is segment g, question p of all groups segment
 * groups + p. The shuffle is ours, not NumPy's: which prompts come first differs, how often each comes does not.
 */
export function sharedPrefixPrompts(config: InferencePerfConfig, seed: number | string): InferencePerfPrompts {
  const table = sharedPrefixTable(config, seed);
  const multiTurn = config.data.shared_prefix!.enable_multi_turn_chat;
  return {
    add(columns, stage, index) {
      if (multiTurn) addRound(columns, table, stage, index);
      else addPrompt(columns, table, table.order[index % table.prompts]!);
    },
    segments({ offsets, ids, endTokens, outputIds }) {
      const base = { offsets, ids: Int32Array.from(ids), endTokens: Int32Array.from(endTokens) };
      const fixed = table.groups + table.prompts;
      return multiTurn
        ? { ...base, idCount: fixed + config.load.stages.length * table.prompts, outputIds }
        : { ...base, idCount: fixed };
    },
  };
}

function sharedPrefixTable(config: InferencePerfConfig, runSeed: number | string): SharedPrefixTable {
  const spec = config.data.shared_prefix!;
  const seed = spec.seed ?? runSeed;
  const groups = spec.num_groups ?? spec.num_unique_system_prompts ?? 10;
  const perGroup = spec.num_prompts_per_group ?? spec.num_users_per_system_prompt ?? 10;
  const prompts = groups * perGroup;
  const question =
    typeof spec.question_len === "number" ? (spec.question_distribution ?? spec.question_len) : spec.question_len;
  const output = typeof spec.output_len === "number" ? (spec.output_distribution ?? spec.output_len) : spec.output_len;
  return {
    groups,
    prompts,
    order: shuffled(prompts, seed),
    groupOf: (prompt) => Math.floor(prompt / perGroup),
    prefixTokens: drawLengths(spec.system_prompt_len, groups, seed, "inference-perf/shared-prefix/system"),
    questionTokens: drawLengths(question, prompts, seed, "inference-perf/shared-prefix/question"),
    outputTokens: drawLengths(output, prompts, seed, "inference-perf/shared-prefix/output"),
  };
}

/** The numbers below `count`, shuffled (Fisher–Yates). */
function shuffled(count: number, seed: number | string): Int32Array {
  const random = namedStream(seed, "inference-perf/shared-prefix/shuffle");
  const order = Int32Array.from({ length: count }, (_, index) => index);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}

function addPrompt(columns: InferencePerfColumns, table: SharedPrefixTable, prompt: number): void {
  const { row } = columns;
  const group = table.groupOf(prompt);
  const prefix = table.prefixTokens[group]!;
  const total = prefix + table.questionTokens[prompt]!;
  if (prefix > 0) addSegment(columns, group, prefix);
  if (total > prefix) addSegment(columns, table.groups + prompt, total);
  // A prompt of no tokens at all cannot be sent; the tool's tokenizer adds its first token.
  if (total === 0) addSegment(columns, table.groups + prompt, 1);
  columns.promptTokens[row] = Math.max(1, total);
  columns.outputTokens[row] = Math.max(1, table.outputTokens[prompt]!);
  columns.offsets[row + 1] = columns.ids.length;
}

/**
 * Request i of a multi-turn stage is round floor(i / N) of conversation i mod N, and asks the same question again after
 * everything said so far; each stage starts its conversations afresh. The tool holds a round back until the one before it
 * has ended; here it is sent at its time.
 */
function addRound(columns: InferencePerfColumns, table: SharedPrefixTable, stage: number, index: number): void {
  const { row } = columns;
  const round = Math.floor(index / table.prompts);
  const prompt = table.order[index % table.prompts]!;
  const conversation = table.groups + table.prompts + stage * table.prompts + prompt;
  addPrompt(columns, table, prompt);
  columns.outputIds[row] = conversation;
  if (round === 0) return;
  const perRound = columns.outputTokens[row]! + table.questionTokens[prompt]!;
  columns.promptTokens[row] = columns.promptTokens[row]! + round * perRound;
  addSegment(columns, conversation, columns.promptTokens[row]!);
  columns.offsets[row + 1] = columns.ids.length;
}

function addSegment(columns: InferencePerfColumns, id: number, endTokens: number): void {
  columns.ids.push(id);
  columns.endTokens.push(endTokens);
}
