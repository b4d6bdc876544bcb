// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {DailyLimit} from "../access/DailyLimit.sol";
import {IConsumerRegistration} from "./IConsumerRegistration.sol";
import {IERC5192} from "./IERC5192.sol";

/// @title ConsumerRegistration
/// @notice Consumers who can take part in events, each by a token that can't be transferred (ERC-5192).
/// @dev The address is a fresh one, made for this and used for nothing else; the profile is a salted commitment. Nothing
/// here says who somebody is or how much they use. The token's number is the address. Deregistration burns the token
/// and erases the record; a burned address can't come back, since it would no longer be fresh.
contract ConsumerRegistration is AccessManaged, ERC721, IERC5192, IConsumerRegistration {
    using DailyLimit for DailyLimit.Limit;

    /// @notice A consumer to be registered.
    struct Registration {
        address holder;
        bytes32 profile;
        bytes32 regionCode;
        Segment segment;
        uint8 capability;
    }

    /// @notice The highest capability class (100 MW).
    uint8 public constant HIGHEST_CAPABILITY = 20;

    mapping(uint256 tokenId => Consumer record) private _consumers;
    mapping(uint256 tokenId => bool burned) private _burned;
    DailyLimit.Limit private _writes;
    /// @notice How many consumers are registered.
    uint256 public registered;

    /// @notice A consumer has a token.
    event ConsumerRegistered(
        uint256 indexed tokenId, bytes32 indexed regionCode, Segment segment, uint8 capability, bytes32 profile
    );
    /// @notice A consumer's profile is another one.
    event ProfileAmended(uint256 indexed tokenId, uint8 capability, bytes32 profile);
    /// @notice A consumer's token and record are gone.
    event ConsumerDeregistered(uint256 indexed tokenId, bytes32 reason);
    /// @notice So many registrations and amendments a day.
    event DailyLimitChanged(uint112 limit);

    /// @notice Tokens can't be transferred or lent.
    error Soulbound(uint256 tokenId);
    /// @notice Holders, commitments and regions are not zero.
    error EmptyValue();
    /// @notice No such class.
    error BadCapability(uint8 capability);
    /// @notice The address is registered with another record.
    error AlreadyRegistered(address holder);
    /// @notice The address was registered before and is not fresh.
    error AddressUsed(address holder);
    /// @notice Only the holder may do this.
    error NotHolder(uint256 tokenId, address caller);

    /// @param authority The community's access manager.
    /// @param dailyLimit How many registrations and amendments the engine may write a day.
    constructor(address authority, uint112 dailyLimit)
        AccessManaged(authority)
        ERC721("Quietgrid participation", "QGP")
    {
        _setDailyLimit(dailyLimit);
    }

    /// @notice Register consumers whom the platform has verified.
    /// @dev Role: ENGINE
    /// What is registered with the same content already is skipped, so that a retry is harmless.
    /// @param entries Consumers with fresh addresses.
    function register(Registration[] calldata entries) external restricted {
        uint256 written = 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            if (_register(entries[i])) ++written;
        }
        _writes.spend(written);
    }

    /// @notice Replace a consumer's commitment and capability.
    /// @dev Role: ENGINE
    /// @param tokenId The consumer.
    /// @param profile The new commitment, with a new salt.
    /// @param capability The new class.
    function amend(uint256 tokenId, bytes32 profile, uint8 capability) external restricted {
        _requireOwned(tokenId);
        Consumer storage record = _consumers[tokenId];
        if (profile == 0) revert EmptyValue();
        if (capability > HIGHEST_CAPABILITY) revert BadCapability(capability);
        if (record.profile == profile && record.capability == capability) return;
        _writes.spend(1);
        record.profile = profile;
        record.capability = capability;
        emit ProfileAmended(tokenId, capability, profile);
    }

    /// @notice Leave. The caller is the holder.
    /// @param tokenId The caller's token.
    function deregister(uint256 tokenId) external {
        if (ownerOf(tokenId) != msg.sender) revert NotHolder(tokenId, msg.sender);
        _deregister(tokenId, "left");
    }

    /// @notice Take a consumer off, for instance one that has moved away or lost its key.
    /// @dev Role: OPERATOR
    /// @param tokenId The consumer; nothing happens if it is gone already.
    /// @param reason Short text.
    function remove(uint256 tokenId, bytes32 reason) external restricted {
        if (_burned[tokenId]) return;
        _requireOwned(tokenId);
        _deregister(tokenId, reason);
    }

    /// @inheritdoc IConsumerRegistration
    function recordChoice(uint256 tokenId, bool joined) external restricted {
        _requireOwned(tokenId);
        if (joined) ++_consumers[tokenId].joined;
        else --_consumers[tokenId].joined;
    }

    /// @inheritdoc IConsumerRegistration
    function recordCompletion(uint256 tokenId) external restricted {
        _requireOwned(tokenId);
        ++_consumers[tokenId].completed;
    }

    /// @notice Change how much the engine may write a day.
    /// @dev Role: GOVERNANCE
    /// @param limit Registrations and amendments.
    function setDailyLimit(uint112 limit) external restricted {
        _setDailyLimit(limit);
    }

    /// @inheritdoc IConsumerRegistration
    function consumerOf(uint256 tokenId) external view returns (Consumer memory) {
        return _consumers[tokenId];
    }

    /// @inheritdoc IConsumerRegistration
    function holderOf(uint256 tokenId) external view returns (address) {
        return _ownerOf(tokenId);
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        _requireOwned(tokenId);
        return true;
    }

    /// @notice How many registrations and amendments may be written today.
    function writesLeft() external view returns (uint256) {
        return _writes.left();
    }

    /// @notice The token of an address, whether it exists or not.
    function tokenOf(address holder) public pure returns (uint256) {
        return uint256(uint160(holder));
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IERC5192).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @notice Always reverts: nobody can be allowed to move what can't be moved.
    function approve(address, uint256 tokenId) public pure override {
        revert Soulbound(tokenId);
    }

    /// @notice Always reverts: nobody can be allowed to move what can't be moved.
    function setApprovalForAll(address, bool) public pure override {
        revert Soulbound(0);
    }

    /// @dev Mints and burns pass, transfers do not.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        if (from != address(0) && to != address(0)) revert Soulbound(tokenId);
    }

    function _register(Registration calldata entry) private returns (bool) {
        if (entry.holder == address(0) || entry.profile == 0 || entry.regionCode == 0) revert EmptyValue();
        if (entry.capability > HIGHEST_CAPABILITY) revert BadCapability(entry.capability);
        uint256 tokenId = tokenOf(entry.holder);
        if (_burned[tokenId]) revert AddressUsed(entry.holder);
        Consumer storage record = _consumers[tokenId];
        if (record.registeredAt != 0) {
            if (
                record.profile == entry.profile && record.regionCode == entry.regionCode
                    && record.segment == entry.segment && record.capability == entry.capability
            ) return false;
            revert AlreadyRegistered(entry.holder);
        }
        record.profile = entry.profile;
        record.regionCode = entry.regionCode;
        record.segment = entry.segment;
        record.capability = entry.capability;
        record.registeredAt = uint64(block.timestamp);
        ++registered;
        _mint(entry.holder, tokenId);
        emit Locked(tokenId);
        emit ConsumerRegistered(tokenId, entry.regionCode, entry.segment, entry.capability, entry.profile);
        return true;
    }

    function _deregister(uint256 tokenId, bytes32 reason) private {
        _burned[tokenId] = true;
        delete _consumers[tokenId];
        --registered;
        _burn(tokenId);
        emit ConsumerDeregistered(tokenId, reason);
    }

    function _setDailyLimit(uint112 limit) private {
        _writes.set(limit);
        emit DailyLimitChanged(limit);
    }
}
