// Compiles every contract in src/ into src/quietgrid/chain/artifacts (package data), and records what must not change
// unnoticed: runtime sizes and storage layouts in snapshots/.
//
//   node tools/compile.mjs           write artifacts and snapshots
//   node tools/compile.mjs --check   write nothing; exit 1 if a fresh compilation differs from what is committed
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const OUT = join(ROOT, "../src/quietgrid/chain/artifacts");
const SNAPSHOTS = join(ROOT, "snapshots");
// Deployed as they come from OpenZeppelin (MIT).
const AS_THEY_ARE = [
  "@openzeppelin/contracts/access/manager/AccessManager.sol",
  "@openzeppelin/contracts/governance/TimelockController.sol",
];
const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 1000 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "storageLayout", "devdoc"] } },
};
const SIZE_LIMIT = 24576; // EIP-170

const sources = {};

function files(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? files(path) : entry.name.endsWith(".sol") ? [path] : [];
    });
}

function read(name) {
  const path = name.startsWith("@") ? join(ROOT, "node_modules", name) : join(ROOT, name);
  if (!existsSync(path)) return { error: `no such source: ${name}` };
  const contents = readFileSync(path, "utf8");
  sources[name] = contents;
  return { contents };
}

function compile() {
  const names = [...files(join(ROOT, "src")).map((path) => relative(ROOT, path)), ...AS_THEY_ARE];
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(names.map((name) => [name, { content: read(name).contents }])),
    settings: SETTINGS,
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const errors = (output.errors ?? []).filter((e) => e.severity === "error");
  if (errors.length) {
    console.error(errors.map((e) => e.formattedMessage).join("\n"));
    process.exit(1);
  }
  for (const e of output.errors ?? []) {
    if (!e.sourceLocation?.file.startsWith("@")) console.error(e.formattedMessage);
  }
  return { names, output };
}

// What a contract's bytecode depends on: the texts it imports, directly or not, the compiler and its settings.
function sourceHash(name) {
  const seen = new Set();
  const visit = (one) => {
    if (seen.has(one)) return;
    seen.add(one);
    for (const [, path] of sources[one].matchAll(/^\s*import\s[^;]*?["']([^"']+)["']\s*;/gm)) {
      visit(path.startsWith(".") ? join(dirname(one), path) : path);
    }
  };
  visit(name);
  const hash = createHash("sha256").update(solc.version()).update(JSON.stringify(SETTINGS));
  for (const one of [...seen].sort()) {
    hash.update("\0").update(one).update("\0").update(createHash("sha256").update(sources[one]).digest());
  }
  return hash.digest("hex");
}

function layout(storage) {
  return (storage?.storage ?? []).map(({ label, slot, offset, type }) => ({
    label, slot: Number(slot), offset, type: storage.types[type].label,
  }));
}

// Whose each restricted function is: the `@dev Role: NAME` line of its documentation.
function roles(documentation) {
  const found = Object.entries(documentation?.methods ?? {}).flatMap(([signature, { details }]) => {
    const role = /^Role: ([A-Z]+)/.exec(details ?? "");
    return role ? [[signature, role[1]]] : [];
  });
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function artifacts() {
  const { names, output } = compile();
  const made = {};
  const sizes = {};
  const layouts = {};
  for (const name of names) {
    for (const [contract, built] of Object.entries(output.contracts[name] ?? {})) {
      const bytecode = built.evm.bytecode.object;
      const called = built.abi.some((entry) => entry.type === "function" || entry.type === "constructor");
      if (!bytecode || !called) continue; // interfaces, abstract contracts, inlined libraries
      if (made[contract]) throw new Error(`two contracts are called ${contract}`);
      const size = built.evm.deployedBytecode.object.length / 2;
      if (size > SIZE_LIMIT) throw new Error(`${contract} has ${size} bytes of code; the EVM takes ${SIZE_LIMIT}`);
      sizes[contract] = size;
      if (!name.startsWith("@")) layouts[contract] = layout(built.storageLayout);
      made[contract] = {
        contract, source: name, sourceHash: sourceHash(name), compiler: solc.version(),
        roles: roles(built.devdoc), abi: built.abi,
        bytecode: `0x${bytecode}`,
      };
    }
  }
  const sorted = (table) => Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)));
  const written = {};
  for (const [contract, artifact] of Object.entries(made)) {
    written[join(OUT, `${contract}.json`)] = `${JSON.stringify(artifact, null, 1)}\n`;
  }
  written[join(SNAPSHOTS, "sizes.json")] = `${JSON.stringify(sorted(sizes), null, 2)}\n`;
  written[join(SNAPSHOTS, "storage.json")] = `${JSON.stringify(sorted(layouts), null, 1)}\n`;
  return written;
}

const written = artifacts();
const there = existsSync(OUT) ? readdirSync(OUT).filter((f) => f.endsWith(".json")).map((f) => join(OUT, f)) : [];
const stale = there.filter((path) => !(path in written));
if (process.argv.includes("--check")) {
  const differing = Object.entries(written).filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);
  const wrong = [...differing.map(([path]) => path), ...stale].map((path) => relative(join(ROOT, ".."), path));
  if (wrong.length) {
    console.error(`differ from a fresh compilation: ${wrong.join(", ")}\nrun: node tools/compile.mjs`);
    process.exit(1);
  }
  console.log(`${there.length} artifacts are what the sources compile to`);
} else {
  mkdirSync(OUT, { recursive: true });
  mkdirSync(SNAPSHOTS, { recursive: true });
  for (const path of stale) rmSync(path);
  for (const [path, text] of Object.entries(written)) writeFileSync(path, text);
  console.log(`${Object.keys(written).length - 2} contracts compiled`);
}
