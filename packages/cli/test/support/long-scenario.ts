/** Half a million requests for one replica: minutes of work. The unused key makes a remark before the run begins. */
export const LONG_SCENARIO = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: long }
spec:
  workload:
    generator: inference-perf
    report: {}
    load: { type: constant, stages: [{ rate: 5000, duration: 100 }] }
    data:
      type: random
      input_distribution: { mean: 500, std: 10 }
      output_distribution: { mean: 500, std: 10 }
  model: meta-llama/Llama-3.1-8B
  pools: [{ name: a, replicas: 1, accelerator: h100-sxm }]
  router: { preset: round-robin }
`;
