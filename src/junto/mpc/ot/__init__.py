"""Oblivious transfer between the two parties of an SPU, and the correlated randomness made of it.

In a transfer one party offers two pads and the other chooses one: who offers does not learn which, who
chooses does not learn the other one. From transfers come shares of products, and so all that a helper would
deal.

    base           transfers by public keys, of which 128 are needed; `curve` below it
    softspoken     millions of transfers from them, for one direction; `tree` and `hashing` below it
    consistency    whether who chooses uses the same choices everywhere
    setup          both directions
    extension      `Extension`: all transfers of a run, block by block; a block's use of them is a `jobs.Job`
    symbol_vole    vectors over GF(64) times a secret of the other party, for the joins; `symbols` below it
    scaling        numbers times vectors: the job under all products of rings
    products       products of numbers, matrices, bits and numbers; bits as numbers
    conjunctions   products of bits
    tables         one of N entries; functions of two short numbers, one at each party
    carries        the carries of a sum of which each party knows a summand

Transfers are checked against a party that deviates; what is made of them is for two semi-honest parties, P0
and P1, who call the same functions in the same order, each with its `Extension` and its own shares.
"""
