"""Cryptography, split so that imports show who may hold keys: `public` for everyone, `secret` for three stages."""
