/** Writes the sample traces of traces/ and the tables of its README; run it after changing a model of scripts/samples/. */
import { readFileSync, writeFileSync } from "node:fs";
import { sampleReadme, sampleTraces } from "./samples/sample-traces.ts";

const folder = new URL("../traces/", import.meta.url);
for (const { file, make } of sampleTraces) writeFileSync(new URL(file, folder), make());
const readme = new URL("README.md", folder);
writeFileSync(readme, sampleReadme(readFileSync(readme, "utf8")));
