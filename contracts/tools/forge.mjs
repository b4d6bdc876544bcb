// Runs the forge binary that npm brought, in this folder: node tools/forge.mjs test -vv
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const system = { linux: "linux", darwin: "darwin", win32: "win32" }[process.platform];
const processor = { x64: "amd64", arm64: "arm64" }[process.arch];
const manifest = require.resolve(`@foundry-rs/forge-${system}-${processor}/package.json`);
const binary = join(dirname(manifest), "bin", process.platform === "win32" ? "forge.exe" : "forge");
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const path = `${dirname(process.execPath)}:${process.env.PATH}`;
const run = spawnSync(binary, process.argv.slice(2), { cwd: root, stdio: "inherit", env: { ...process.env, PATH: path } });
process.exit(run.status ?? 1);
