// Hardhat with the compiler from npm (`solc`, WebAssembly): nothing is downloaded.
require("@nomicfoundation/hardhat-ethers");
require("@fhevm/hardhat-plugin");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");
const { subtask } = require("hardhat/config");

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD).setAction(async ({ solcVersion }) => {
  const { version } = require("solc/package.json");
  if (solcVersion !== version) throw new Error(`package.json brings solc ${version}; ${solcVersion} was asked for`);
  return {
    compilerPath: require.resolve("solc/soljson.js"),
    isSolcJs: true,
    version,
    longVersion: require("solc").version().replace(".Emscripten.clang", ""),
  };
});

/** @type {import("hardhat/config").HardhatUserConfig} */
module.exports = {
  solidity: {
    version: "0.8.28",
    settings: { optimizer: { enabled: true, runs: 800 }, evmVersion: "cancun", metadata: { bytecodeHash: "none" } },
  },
  defaultNetwork: "hardhat",
  networks: { hardhat: { chainId: 31337 } },
};
