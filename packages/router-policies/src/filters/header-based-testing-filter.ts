import * as z from "zod";
import { hostOf, portOf } from "../framework/address.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter } from "../framework/plugin.ts";

/** The header that names the endpoints, as the Gateway API conformance tests send it. */
const HEADER = "test-epp-endpoint-selection";

/** Keeps the endpoints that a header lists, in its order, one per IP; without the header, none. */
export const headerBasedTestingFilter = defineFilter({
  type: "header-based-testing-filter",
  summary: `Keeps only the endpoints that the header ${HEADER} lists, in its order; for conformance tests.`,
  parameters: z.strictObject({}),
  ignoresParameters: true,
  reorders: true,
  create: () => ({
    filter(request, endpoints) {
      const kept: Endpoint[] = [];
      for (const item of (request.header(HEADER) ?? "").split(",")) {
        const wanted = item.trim();
        if (wanted === "") continue;
        const host = hostOf(wanted);
        const port = portOf(wanted);
        const matches = (endpoint: Endpoint): boolean =>
          hostOf(endpoint.address) === host && (port === undefined || portOf(endpoint.address) === port);
        const found = endpoints.find(matches);
        if (found !== undefined && !kept.some((endpoint) => hostOf(endpoint.address) === host)) kept.push(found);
      }
      return kept;
    },
  }),
});
