# pragma version 0.4.3
# pragma evm-version london
"""
@title Anchor
@license Apache-2.0
@notice Remembers when a digest was first given to it. Anybody may give one; nobody can take one back.
        There is no owner, no payment and no way to change this contract.
"""

event Anchored:
    root: indexed(bytes32)
    time: uint256

# digest -> seconds since 1970 of the block in which it was first given, 0 for never
at: public(HashMap[bytes32, uint256])


@external
def anchor(root: bytes32):
    """
    @notice Remember a digest. Giving it again changes nothing and says nothing.
    @param root The digest, 32 bytes.
    """
    if self.at[root] == 0:
        self.at[root] = block.timestamp
        log Anchored(root=root, time=block.timestamp)
