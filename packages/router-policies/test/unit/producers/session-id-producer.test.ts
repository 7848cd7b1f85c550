import { expect, test } from "vitest";
import { sessionIdProducer } from "../../../src/producers/session-id-producer.ts";
import { context } from "../../support/prompts.ts";
import { config, request } from "../../support/routing.ts";

const reads = (parameters: object, over: Parameters<typeof request>[0]): string | undefined => {
  const built = sessionIdProducer.create(sessionIdProducer.parameters.parse(parameters), context());
  built.data.session!.id = "of the request before";
  built.produce(request(over), [], 0);
  return built.data.session!.id;
};

test("reads a header, whatever its case, or a cookie, trimmed", () => {
  expect(reads({ headerName: " X-Mine" }, { headers: { "x-mine": " s 1 " } })).toBe("s 1");
  expect(reads({ cookieName: "Sid " }, { cookies: { Sid: " s2" } })).toBe("s2");
  expect(reads({ cookieName: "sid" }, { cookies: { Sid: "s2" } })).toBeUndefined();
  expect(reads({ headerName: "x-mine" }, { headers: { "x-mine": " " } })).toBeUndefined();
});

test("has no session where the host knows no cookies", () => {
  const { cookie, ...bare } = request();
  const built = sessionIdProducer.create(sessionIdProducer.parameters.parse({ cookieName: "sid" }), context());
  built.produce(bare, [], 0);
  expect(built.data.session).toEqual({ id: undefined });
});

test.each(["{}", "{headerName: ' '}", "{headerName: a, cookieName: b}"])("parameters %s are refused", (parameters) => {
  expect(() =>
    config(`plugins: [{type: session-id-producer, parameters: ${parameters}}, {type: queue-scorer}]`),
  ).toThrow(/^epp\.yaml:3:\d+: parameters of session-id-producer: expected exactly one of headerName and cookieName/);
});
