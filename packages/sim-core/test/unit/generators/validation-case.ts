/** The `workload` block of a published fleet benchmark, as the cases of the validation data write it. */
export interface CaseWorkload {
  readonly generator?: string;
  readonly arrival: string;
  readonly num_groups?: number;
  readonly num_prompts_per_group?: number;
  readonly system_prompt_len?: number;
  readonly question_len?: number;
  readonly output_len?: number;
  readonly multi_turn?: boolean;
  readonly stages?: readonly { readonly rate: number; readonly duration_s: number }[];
  readonly interval_s?: number;
  readonly note?: string;
  readonly input?: number;
  readonly output?: number;
  readonly variants?: Readonly<Record<string, Partial<CaseWorkload>>>;
}

/**
 * The inference-perf configuration that a case was measured with, as its YAML would be pasted. A closed loop sends every
 * prompt once; `variant` picks one of the case's variants.
 */
export function inferencePerfOfCase(workload: CaseWorkload, variant?: string): Record<string, unknown> {
  const facts = { ...workload, ...(variant === undefined ? {} : workload.variants?.[variant]) };
  return { load: loadOf(facts), data: dataOf(facts) };
}

function dataOf(facts: CaseWorkload): Record<string, unknown> {
  if (facts.generator === "inference-perf random") {
    const fixed = (tokens: number | undefined) => ({ type: "fixed", mean: tokens, min: tokens, max: tokens });
    return { type: "random", input_distribution: fixed(facts.input), output_distribution: fixed(facts.output) };
  }
  const { num_groups, num_prompts_per_group, system_prompt_len, question_len, output_len } = facts;
  const enable_multi_turn_chat = facts.multi_turn ?? false;
  const shared_prefix = { num_groups, num_prompts_per_group, system_prompt_len, question_len, output_len };
  return { type: "shared_prefix", shared_prefix: { ...shared_prefix, enable_multi_turn_chat } };
}

function loadOf(facts: CaseWorkload): Record<string, unknown> {
  const closed = /^closed loop, concurrency (\d+)/.exec(facts.arrival);
  if (closed !== null) {
    const num_requests = facts.num_groups! * facts.num_prompts_per_group!;
    return { type: "concurrent", stages: [{ num_requests, concurrency_level: Number(closed[1]) }] };
  }
  const interval = facts.interval_s === undefined ? {} : { interval: facts.interval_s };
  const workers = /(\d+)(?: workers)? x (?:worker_max_concurrency )?(\d+)$/.exec(facts.note ?? facts.arrival);
  const cap = workers === null ? {} : { num_workers: Number(workers[1]), worker_max_concurrency: Number(workers[2]) };
  const constant = /^constant .*?([\d.]+) rps x (\d+) s/.exec(facts.arrival);
  const stages =
    constant === null
      ? facts.stages!.map(({ rate, duration_s }) => ({ rate, duration: duration_s }))
      : [{ rate: Number(constant[1]), duration: Number(constant[2]) }];
  return { type: constant === null ? facts.arrival : "constant", stages, ...interval, ...cap };
}
