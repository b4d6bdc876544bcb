// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "../Test.sol";

/// @notice What the tests call of a Safe. The contracts themselves come from npm, compiled, and stay there (LGPL).
interface ISafe {
    function setup(
        address[] calldata owners,
        uint256 threshold,
        address to,
        bytes calldata data,
        address fallbackHandler,
        address paymentToken,
        uint256 payment,
        address payable paymentReceiver
    ) external;

    function execTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address payable refundReceiver,
        bytes calldata signatures
    ) external payable returns (bool);

    function getTransactionHash(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address refundReceiver,
        uint256 nonce
    ) external view returns (bytes32);

    function nonce() external view returns (uint256);

    function getThreshold() external view returns (uint256);
}

interface ISafeProxyFactory {
    function createProxyWithNonce(address singleton, bytes calldata initializer, uint256 saltNonce)
        external
        returns (address proxy);
}

/// @notice Makes Safes, and signs for them.
abstract contract SafeAccount is Test {
    string private constant ARTIFACTS = "node_modules/@safe-global/safe-smart-account/build/artifacts/contracts/";

    ISafeProxyFactory private _factory;
    address private _singleton;

    /// @dev A Safe of these owners, of whom `threshold` must sign.
    function makeSafe(address[] memory owners, uint256 threshold) internal returns (ISafe) {
        if (_singleton == address(0)) {
            _singleton = deploy("SafeL2.sol/SafeL2.json");
            _factory = ISafeProxyFactory(deploy("proxies/SafeProxyFactory.sol/SafeProxyFactory.json"));
        }
        bytes memory setup = abi.encodeCall(
            ISafe.setup, (owners, threshold, address(0), "", address(0), address(0), 0, payable(address(0)))
        );
        return ISafe(_factory.createProxyWithNonce(_singleton, setup, uint256(keccak256(setup))));
    }

    function hashOf(ISafe safe, address to, bytes memory data) internal view returns (bytes32) {
        return safe.getTransactionHash(to, 0, data, 0, 0, 0, 0, address(0), address(0), safe.nonce());
    }

    /// @dev The owners' signatures one after the other; a Safe wants them in the order of the owners' addresses.
    function signatures(bytes32 digest, uint256[] memory keys) internal pure returns (bytes memory all) {
        for (uint256 i = 1; i < keys.length; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(keys[j]) < vm.addr(keys[j - 1]); --j) {
                (keys[j], keys[j - 1]) = (keys[j - 1], keys[j]);
            }
        }
        for (uint256 i = 0; i < keys.length; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[i], digest);
            all = bytes.concat(all, r, s, bytes1(v));
        }
    }

    function act(ISafe safe, address to, bytes memory data, uint256[] memory keys) internal returns (bool) {
        bytes memory signed = signatures(hashOf(safe, to, data), keys);
        return safe.execTransaction(to, 0, data, 0, 0, 0, 0, address(0), payable(address(0)), signed);
    }

    function deploy(string memory artifact) private returns (address made) {
        bytes memory code = vm.parseJsonBytes(vm.readFile(string.concat(ARTIFACTS, artifact)), ".bytecode");
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        require(made != address(0), artifact);
    }
}
