import * as z from "zod";
import { textBeforeLastColon } from "../framework/address.ts";
import { defineProfileHandler } from "../framework/plugin.ts";
import { NO_MORE, onlyProfileOf } from "./only-profile.ts";

/** Tells the sidecar which rank is meant. */
const RANK_HEADER = "x-data-parallel-host-port";

const parameters = z.strictObject({
  primaryPort: z.int().min(0).max(65535).default(8000).describe("port of the pod that takes requests of all ranks"),
});

/**
 * Sends requests to a pod's primary port, with the picked rank in a header. Source: llm-d-router
 * `profilehandler/dataparallel`.
 */
export const dataParallelProfileHandler = defineProfileHandler<z.output<typeof parameters>>({
  type: "data-parallel-profile-handler",
  summary: "Runs the only profile; requests go to the pod's primary port, which hands them to the picked rank.",
  parameters,
  create: ({ primaryPort }) => ({
    onlyProfile: true,
    pick: (_request, profiles, results) => (profiles.length === 1 && results.size === 0 ? profiles : NO_MORE),
    primary: onlyProfileOf,
    outgoing(_request, { targets }, _profiles, outgoing) {
      outgoing.headers = [...(outgoing.headers ?? []), [RANK_HEADER, targets[0]!.address]];
      outgoing.destination = targets.map(({ address }) => `${textBeforeLastColon(address)}:${primaryPort}`).join(",");
    },
  }),
});
