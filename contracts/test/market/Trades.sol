// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Roles} from "../../src/access/Roles.sol";
import {Amounts} from "../../src/market/Amounts.sol";
import {Settlement} from "../../src/market/Settlement.sol";
import {SignedOrder, SignedOrders} from "../../src/market/SignedOrders.sol";
import {Purse} from "../Purse.sol";
import {Trees} from "../Trees.sol";

/// @notice Signed orders, trades between them and batches of trades, for tests of the settlement.
abstract contract Trades is Purse {
    Settlement internal settlement;
    uint256 internal constant WINDOW = 1 hours;
    uint64 internal constant BATCH_BOND = 100e6;
    uint64 internal constant DEMAND_BOND = 5e6;
    bytes32 internal constant PRODUCT = "community 0, 20:00";

    uint256[] internal keys;
    address[] internal traders;
    /// @dev the batch under construction
    Settlement.Trade[] internal trades;

    function setUp() public virtual override {
        super.setUp();
        settlement = new Settlement(
            address(manager),
            token,
            gate,
            uint40(WINDOW),
            Settlement.Stakes({batchBond: BATCH_BOND, demandBond: DEMAND_BOND}),
            1_000_000 * EUR
        );
        allow(address(settlement), Settlement.post.selector, Roles.ENGINE);
        allow(address(settlement), Settlement.takeBond.selector, Roles.OPERATOR);
        allow(address(settlement), Settlement.takePenalties.selector, Roles.GOVERNANCE);
        allow(address(settlement), Settlement.setLimits.selector, Roles.GOVERNANCE);
        allow(address(settlement), Settlement.pause.selector, Roles.GUARDIAN);
        allow(address(settlement), Settlement.unpause.selector, Roles.GOVERNANCE);
        equip(operator, 10_000 * EUR, address(settlement));
        vm.prank(operator);
        settlement.addBond(1000 * EUR);
        for (uint256 i = 0; i < 4; ++i) {
            (address trader, uint256 key) = makeAddrAndKey(string(abi.encodePacked("trader ", bytes1(uint8(65 + i)))));
            traders.push(trader);
            keys.push(key);
            equip(trader, 1000 * EUR, address(settlement));
            vm.prank(trader);
            settlement.deposit(trader, 500 * EUR);
        }
    }

    function order(uint256 who, uint8 side, uint64 energyWh, int64 price) internal view returns (SignedOrder memory) {
        return SignedOrder(traders[who], side, PRODUCT, energyWh, price, uint64(block.timestamp + 1 hours), 7);
    }

    function sign(uint256 who, SignedOrder memory made) internal view returns (Settlement.Signed memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who], settlement.digestOf(made));
        return Settlement.Signed(made, abi.encodePacked(r, s, v));
    }

    function commit(Settlement.Signed memory signed) internal pure returns (bytes32) {
        SignedOrder memory o = signed.order;
        bytes32 orderHash = keccak256(
            abi.encode(
                SignedOrders.TYPEHASH, o.trader, o.side, o.product, o.energyWh, o.priceMicroPerKwh, o.expiry, o.nonce
            )
        );
        return keccak256(abi.encode(orderHash, keccak256(signed.signature)));
    }

    /// @dev A trade below two orders, put into the batch under construction.
    function trade(Settlement.Signed memory buy, Settlement.Signed memory sell, uint64 energyWh, int64 price)
        internal
        returns (Settlement.Trade memory made)
    {
        made = Settlement.Trade({
            index: uint32(trades.length),
            buyOrder: commit(buy),
            sellOrder: commit(sell),
            buyer: buy.order.trader,
            seller: sell.order.trader,
            product: PRODUCT,
            energyWh: energyWh,
            priceMicroPerKwh: price,
            executedAt: uint64(block.timestamp),
            salt: keccak256(abi.encode("salt", trades.length))
        });
        trades.push(made);
    }

    function leaves() internal view returns (bytes32[] memory found) {
        found = new bytes32[](trades.length);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = keccak256(bytes.concat(keccak256(abi.encode(trades[i]))));
        }
    }

    function proven(uint256 i) internal view returns (Settlement.ProvenTrade memory) {
        return Settlement.ProvenTrade(trades[i], Trees.proof(leaves(), i));
    }

    /// @dev The net deltas of the batch under construction, packed.
    function deltas() internal view returns (bytes memory packed) {
        address[] memory sorted = sortedTraders();
        for (uint256 i = 0; i < sorted.length; ++i) {
            int256 net = 0;
            for (uint256 k = 0; k < trades.length; ++k) {
                int256 cost = Amounts.signedCost(trades[k].energyWh, trades[k].priceMicroPerKwh);
                if (trades[k].seller == sorted[i]) net += cost;
                if (trades[k].buyer == sorted[i]) net -= cost;
            }
            if (net != 0) packed = bytes.concat(packed, abi.encodePacked(sorted[i], int128(net)));
        }
    }

    function sortedTraders() internal view returns (address[] memory sorted) {
        sorted = traders;
        for (uint256 i = 1; i < sorted.length; ++i) {
            for (uint256 k = i; k > 0 && sorted[k] < sorted[k - 1]; --k) {
                (sorted[k], sorted[k - 1]) = (sorted[k - 1], sorted[k]);
            }
        }
    }

    function post(bytes32 id, bytes memory packed) internal {
        bytes32 root = Trees.root(leaves());
        vm.prank(engine);
        settlement.post(id, root, uint32(trades.length), packed);
    }

    /// @dev A batch of one trade within two orders: B buys 2 kWh of A at 0.25.
    function soundBatch(bytes32 id) internal returns (Settlement.Signed memory buy, Settlement.Signed memory sell) {
        buy = sign(1, order(1, 0, 3000, 300_000));
        sell = sign(0, order(0, 1, 2000, 200_000));
        trade(buy, sell, 2000, 250_000);
        post(id, deltas());
    }

    function balances() internal view returns (uint256 sum) {
        for (uint256 i = 0; i < traders.length; ++i) sum += settlement.balanceOf(traders[i]);
        sum += settlement.balanceOf(stranger);
    }
}
