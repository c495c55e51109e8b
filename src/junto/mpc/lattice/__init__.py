"""Products between two parties by homomorphic encryption over rings (ring learning with errors).

    residues          numbers modulo primes below 2**50, as words; how they go over the wire
    negacyclic        polynomials modulo X**n + 1 and primes: transforms, sums of products
    judged_exchange   the other party's messages

of matrices:

    ring_lwe          keys, ciphertexts, answers: parameters, and why the errors stay small enough
    block_packing     which blocks of matrices a polynomial holds, and what that sends
    lattice_products  the protocol of the two parties

of elements:

    slot_lwe          keys, ciphertexts, answers: parameters, and why the errors stay small enough
    slot_products     which elements are multiplied so, what that sends, and the protocol

Numpy and the kernels of `junto.native` give the same words. The scheme is for two semi-honest parties.
"""
