import { gaugeScorers } from "./gauge-scorers.ts";
import type { Section } from "./section.ts";

/** Everything that is compared, in the order of the page. */
export const sections: readonly Section[] = [gaugeScorers];
