"""What everyone may use: signatures, sealing to a public key, MACs, Merkle trees, commitments, hash chains."""
