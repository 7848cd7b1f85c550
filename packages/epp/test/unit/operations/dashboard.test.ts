import { readFileSync } from "node:fs";
import { join } from "node:path";
import { collectDefaultMetrics, Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportedLabels } from "./metric-names.ts";

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const path = join(import.meta.dirname, "../../../../../deploy/dashboards/windtunnel-epp.json");
const dashboard = JSON.parse(readFileSync(path, "utf8")) as {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const queries = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
];

/** What Prometheus adds when it scrapes. */
const TARGET_LABELS = ["namespace", "job", "pod"];

function known(): Map<string, readonly string[]> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const ours = exportedLabels();
  for (const { name } of registry.getMetricsAsArray()) ours.set(name, []);
  return ours;
}

test("every metric that a panel names is exported, with the labels that it selects by", () => {
  const metrics = known();
  expect(queries.length).toBeGreaterThan(30);
  for (const query of queries) {
    const named = [...query.matchAll(/\b((?:llm_d|windtunnel|process|nodejs|inference)_\w+)(?:\{([^}]*)\})?/g)];
    expect(named.length, query).toBeGreaterThan(0);
    for (const [, name, selector = ""] of named) {
      const labels = metrics.get(name!);
      expect(labels, `${name} in ${query}`).toBeDefined();
      for (const [, label] of selector.matchAll(/(\w+)\s*[!=]~?"/g)) {
        expect([...TARGET_LABELS, ...labels!], `${name}: ${label}`).toContain(label);
      }
    }
  }
});

test("what a query groups by, its metrics have; what a legend says, the query keeps", () => {
  const metrics = known();
  for (const panel of dashboard.panels) {
    for (const { expr, legendFormat } of panel.targets ?? []) {
      const grouped = [...expr.matchAll(/by\s*\(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/,\s*/));
      const own = [...expr.matchAll(/\b((?:llm_d|windtunnel)_\w+)/g)].flatMap(([, name]) => [
        ...(metrics.get(name!) ?? []),
      ]);
      for (const label of grouped) expect(own, `${panel.title}: by ${label}`).toContain(label);
      const kept = /\bsum|\bmax/.test(expr) ? grouped : [...own, ...TARGET_LABELS];
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect(kept, `${panel.title}: {{${label}}}`).toContain(label);
    }
  }
});

test("panels do not overlap and have ids of their own", () => {
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  const cells = new Set<string>();
  for (const { gridPos, title } of dashboard.panels) {
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(cells.has(`${x},${y}`), title).toBe(false);
        cells.add(`${x},${y}`);
      }
    }
  }
});
