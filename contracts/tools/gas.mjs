// Measures the scenarios of test/gas as whole transactions and records them in snapshots/gas.json.
//
//   node tools/gas.mjs           write the snapshot
//   node tools/gas.mjs --check   write nothing; exit 1 if a figure differs from what is committed
//   node tools/gas.mjs --print   print the fresh figures as JSON
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SNAPSHOT = join(ROOT, "snapshots", "gas.json");
const words = [
  join(ROOT, "tools", "forge.mjs"), "test", "--match-path", "test/gas/*", "--isolate", "--gas-snapshot-emit", "true",
  "--gas-snapshot-check", "false",
];

const folder = mkdtempSync(join(tmpdir(), "gas-"));
const env = { ...process.env, FOUNDRY_SNAPSHOTS: folder };
const run = spawnSync(process.execPath, words, { cwd: ROOT, env, encoding: "utf8" });
const emitted = join(folder, "gas.json");
if (run.status !== 0 || !existsSync(emitted)) {
  console.error(`${run.stdout}${run.stderr}`);
  process.exit(1);
}
const figures = Object.entries(JSON.parse(readFileSync(emitted, "utf8"))).sort(([a], [b]) => (a < b ? -1 : 1));
const text = `${JSON.stringify(Object.fromEntries(figures.map(([name, gas]) => [name, Number(gas)])), null, 2)}\n`;
rmSync(folder, { recursive: true });

if (process.argv.includes("--print")) {
  process.stdout.write(text);
} else if (process.argv.includes("--check")) {
  const committed = existsSync(SNAPSHOT) ? JSON.parse(readFileSync(SNAPSHOT, "utf8")) : {};
  const fresh = JSON.parse(text);
  const names = [...new Set([...Object.keys(committed), ...Object.keys(fresh)])];
  const wrong = names.filter((name) => committed[name] !== fresh[name]);
  for (const name of wrong) console.error(`${name}: committed ${committed[name]}, measured ${fresh[name]}`);
  if (wrong.length) {
    console.error("run: node tools/gas.mjs");
    process.exit(1);
  }
  console.log(`${names.length} figures of gas are what is committed`);
} else {
  writeFileSync(SNAPSHOT, text);
  console.log(`${figures.length} figures of gas recorded`);
}
