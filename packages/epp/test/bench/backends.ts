// Fake model servers for load, in a process of their own: answers of constant bytes at once. Started by the benchmark with
// the number of servers; writes their addresses as one line of JSON and ends when its parent does.
import { type FakeVllm, startFakeVllm } from "../../src/demo/fake-vllm.ts";

const count = Number(process.argv[2]);
const servers: FakeVllm[] = [];
for (let index = 0; index < count; index++) {
  const gauges = { waiting: index % 4, running: index % 7, kvUsageFraction: (index % 10) / 20 };
  servers.push(await startFakeVllm({ name: `vllm-${index}`, constant: true, gauges }));
}
process.stdout.write(`${JSON.stringify(servers.map(({ address }) => address))}\n`);
