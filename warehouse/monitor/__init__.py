"""Dynamic monitoring for people: the card of a learner, the gap list of a county, the register of dropout cases.

The places where a person is shown: files of mode 0600 below `data/private`, masked where the name is enough, every one
written to the ledger with account and purpose before it exists (PIPL art. 6, 51; rules RU03–RU06).
"""
