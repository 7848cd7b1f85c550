import * as z from "zod";
import type { SessionData } from "../framework/data.ts";
import { defineProducer } from "../framework/plugin.ts";

const parameters = z
  .strictObject({
    headerName: z.string().optional().describe("header with the session's id"),
    cookieName: z.string().optional().describe("cookie with the session's id"),
  })
  .transform(({ headerName = "", cookieName = "" }) => ({
    header: headerName.trim().toLowerCase(),
    cookie: cookieName.trim(),
  }))
  .refine(({ header, cookie }) => (header === "") !== (cookie === ""), {
    error: "expected exactly one of headerName and cookieName",
  });

/** Reads a request's session id, for plugins that name it as a source. Source: llm-d-router `dataproducer/sessionid`. */
export const sessionIdProducer = defineProducer<z.output<typeof parameters>>({
  type: "session-id-producer",
  summary: "Reads the request's session id from a header or a cookie",
  parameters,
  produces: ["session"],
  create({ header, cookie }) {
    const session: SessionData = { id: undefined };
    return {
      data: { session },
      produce(request) {
        const id = header === "" ? request.cookie?.(cookie) : request.header(header);
        session.id = id?.trim() || undefined;
      },
    };
  },
});
