// The community's operator account: a Safe, of whose owners so many must sign. Its contracts come from npm
// (@safe-global/safe-smart-account, LGPL-3.0), compiled; none of them is in this repository.
import { createRequire } from "node:module";
import { Contract, ContractFactory, ZeroAddress, concat, getBytes } from "ethers";

const require = createRequire(import.meta.url);
const artifact = (path) => require(`@safe-global/safe-smart-account/build/artifacts/contracts/${path}`);
const NOTHING = [0, 0, 0, 0, ZeroAddress, ZeroAddress]; // a call, for which the Safe repays no gas

/**
 * Deploys a Safe.
 * @param {import("ethers").Signer} deployer pays; has nothing to say afterwards
 * @param {string[]} owners their addresses
 * @param {number} threshold how many of them must sign
 * @returns {Promise<Contract>} the Safe
 */
export async function makeSafe(deployer, owners, threshold) {
  const made = [];
  for (const path of ["SafeL2.sol/SafeL2.json", "proxies/SafeProxyFactory.sol/SafeProxyFactory.json"]) {
    const { abi, bytecode } = artifact(path);
    const contract = await new ContractFactory(abi, bytecode, deployer).deploy();
    made.push(await contract.waitForDeployment());
  }
  const [singleton, factory] = made;
  const setup = singleton.interface.encodeFunctionData("setup", [
    owners, threshold, ZeroAddress, "0x", ZeroAddress, ZeroAddress, 0, ZeroAddress,
  ]);
  const receipt = await (await factory.createProxyWithNonce(await singleton.getAddress(), setup, 0)).wait();
  const log = receipt.logs.map((one) => factory.interface.parseLog(one)).find((one) => one?.name === "ProxyCreation");
  return new Contract(log.args.proxy, singleton.interface, deployer);
}

/**
 * One owner's signature (EIP-712) under the Safe's next call.
 * @returns {Promise<{owner: string, signature: string}>}
 */
export async function signCall(safe, owner, to, data) {
  const { chainId } = await safe.runner.provider.getNetwork();
  const word = (name, type) => ({ name, type });
  const signature = await owner.signTypedData(
    { chainId, verifyingContract: await safe.getAddress() },
    {
      SafeTx: [
        word("to", "address"), word("value", "uint256"), word("data", "bytes"), word("operation", "uint8"),
        word("safeTxGas", "uint256"), word("baseGas", "uint256"), word("gasPrice", "uint256"),
        word("gasToken", "address"), word("refundReceiver", "address"), word("nonce", "uint256"),
      ],
    },
    {
      to, value: 0, data, operation: 0, safeTxGas: 0, baseGas: 0, gasPrice: 0,
      gasToken: ZeroAddress, refundReceiver: ZeroAddress, nonce: await safe.nonce(),
    },
  );
  return { owner: await owner.getAddress(), signature };
}

/**
 * Sends a call with the signatures collected; anybody may send it.
 * @param {{owner: string, signature: string}[]} signed
 */
export async function execute(safe, to, data, signed) {
  const inOrder = [...signed].sort((a, b) => (BigInt(a.owner) < BigInt(b.owner) ? -1 : 1));
  const signatures = concat(inOrder.map(({ signature }) => getBytes(signature)));
  return (await safe.execTransaction(to, 0, data, ...NOTHING, signatures)).wait();
}
