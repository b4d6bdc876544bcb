"""Cryptography, split so that imports show who may hold keys.

`public`: for everyone. `secret`: what can unmask a reading; for meter, household and keyholder. `unseal`: opening what
was sealed to one's own key, for whoever has one (the concentrator has, for MAC keys).
"""
