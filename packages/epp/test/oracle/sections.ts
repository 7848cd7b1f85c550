import { affinities } from "./affinities.ts";
import { badRequests } from "./bad-requests.ts";
import { disaggregation } from "./disaggregation.ts";
import { gaugeScorers } from "./gauge-scorers.ts";
import { kvEvents } from "./kv-events.ts";
import { labelFilters } from "./label-filters.ts";
import { loadFilters } from "./load-filters.ts";
import { randomPicks } from "./random-picks.ts";
import type { Section } from "./section.ts";
import { sessionLoad } from "./session-load.ts";
import { simBackend } from "./sim-backend.ts";
import { statefulPlugins } from "./stateful-plugins.ts";

/** Everything that is compared, in the order of the page. */
export const sections: readonly Section[] = [
  gaugeScorers,
  statefulPlugins,
  kvEvents,
  labelFilters,
  loadFilters,
  affinities,
  sessionLoad,
  disaggregation,
  randomPicks,
  badRequests,
  simBackend,
];
