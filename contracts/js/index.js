// The community's contracts over ethers: the interface from the artifacts that ship with Quietgrid, the address from the
// book that `quietgrid chain deploy` writes.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Contract, JsonRpcProvider, Wallet } from "ethers";

const ARTIFACTS = fileURLToPath(new URL("../../src/quietgrid/chain/artifacts/", import.meta.url));
const RPC = "http://127.0.0.1:8545";
const BOOK = "state/chain/addresses.json";

/** Something that is not there, or not as it should be: what, where, and what to do. */
export class ContractError extends Error {
  constructor(what, where, fix) {
    super(`${what} (${where}): ${fix}`);
    this.name = "ContractError";
    Object.assign(this, { what, where, fix });
  }
}

async function readJson(path, fix) {
  let text;
  try {
    text = await readFile(path, "utf8");
  } catch {
    throw new ContractError("no such file", path, fix);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ContractError("not JSON", path, fix);
  }
}

/**
 * A contract's artifact: its interface and its code.
 * @param {string} name e.g. "ReductionRequest"
 * @param {string} [folder] where the artifacts are; those of this repository if left out
 */
export async function artifactOf(name, folder = ARTIFACTS) {
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name)) {
    throw new ContractError(`${JSON.stringify(name)} is no contract's name`, "connectToContract", "letters and digits only");
  }
  return readJson(`${folder.replace(/\/?$/, "/")}${name}.json`, "is the name right, and were the contracts compiled?");
}

async function signerOn(provider, signer) {
  if (signer === undefined) return provider; // reads only
  if (typeof signer === "number") return provider.getSigner(signer); // an account that the node itself holds
  if (typeof signer === "string") return new Wallet(signer, provider); // a private key
  return signer.provider ? signer : signer.connect(provider);
}

/**
 * Connects to one of the community's contracts.
 *
 * @param {string} name the contract's name, e.g. "ReductionRequest"
 * @param {object} [options]
 * @param {string|import("ethers").Provider} [options.rpc] a node's URL or a provider; $QUIETGRID_RPC, else 127.0.0.1:8545
 * @param {string|object} [options.addresses] the address book or its path: `{"<chain id>": {"<name>": "0x…"}}`;
 *   $QUIETGRID_ADDRESSES, else state/chain/addresses.json below the working folder
 * @param {import("ethers").Signer|string|number} [options.signer] who writes: a signer, a private key, or the number of
 *   an account that the node holds; without one the contract can be read only
 * @param {string} [options.artifacts] the folder of the artifacts, if not this repository's
 * @returns {Promise<Contract>} an ethers contract; close it with `contract.runner.provider.destroy()`
 * @throws {ContractError} unknown name, no address on this chain, no contract at the address
 */
export async function connectToContract(name, { rpc, addresses, signer, artifacts } = {}) {
  const artifact = await artifactOf(name, artifacts);
  const from = addresses ?? process.env.QUIETGRID_ADDRESSES ?? BOOK;
  const where = typeof from === "string" ? from : "the address book given";
  const book = typeof from === "string" ? await readJson(from, "run `quietgrid chain deploy`") : from;

  const url = rpc ?? process.env.QUIETGRID_RPC ?? RPC;
  const ours = typeof url === "string";
  const provider = ours ? new JsonRpcProvider(url, undefined, { cacheTimeout: -1 }) : url;
  try {
    const chainId = await chainOf(provider, ours ? url : "the provider given");
    const address = book[chainId]?.[name];
    if (!address) throw new ContractError(`${name} is not on chain ${chainId}`, where, "run `quietgrid chain deploy`");
    if ((await provider.getCode(address)) === "0x") {
      throw new ContractError(`there is no contract at ${address}`, where, "the chain is another one, or was set back");
    }
    return new Contract(address, artifact.abi, await signerOn(provider, signer));
  } catch (error) {
    if (ours) provider.destroy();
    throw error;
  }
}

// ethers asks a node that does not answer again and again; here it is an error.
async function chainOf(provider, where) {
  try {
    const id = provider._send
      ? (await provider._send({ id: 1, jsonrpc: "2.0", method: "eth_chainId", params: [] }))[0].result
      : (await provider.getNetwork()).chainId;
    return BigInt(id).toString();
  } catch {
    throw new ContractError("the node does not answer", where, "is it running?");
  }
}
