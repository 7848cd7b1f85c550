import type { DecisionRecord, ProfileRecord } from "@windtunnel/router-policies";

/** As prefix scorers put it in explain records. */
const MATCHED = /^(\d+(?:\.\d+)?) of \d+ blocks of (\d+) tokens$/;

export const primaryOf = (record: DecisionRecord): ProfileRecord | undefined =>
  record.profiles.find(({ primary }) => primary);

/** By how much the choice was better than the next; undefined where nothing was scored or nothing was left to choose. */
export const marginOf = (record: DecisionRecord): number | undefined => {
  const primary = primaryOf(record);
  return primary === undefined || primary.scorers.length === 0 ? undefined : (primary.margin ?? undefined);
};

/** Prompt tokens that the router thinks an endpoint has cached; undefined where no prefix scorer says so. */
export function prefixTokensOf(record: DecisionRecord, endpoint: string): number | undefined {
  for (const { facts } of primaryOf(record)?.scorers ?? []) {
    const fact = facts?.[endpoint];
    const match = typeof fact === "string" ? MATCHED.exec(fact) : null;
    if (match !== null) return Number(match[1]) * Number(match[2]);
  }
  return undefined;
}
