"""Products of matrices between two parties by homomorphic encryption over rings (ring learning with errors).

    residues          numbers modulo four primes below 2**50, as words; how they go over the wire
    negacyclic        polynomials modulo X**8192 + 1 and these primes: transforms, sums of products
    ring_lwe          keys, ciphertexts, answers: parameters, and why the errors stay small enough
    block_packing     which blocks of matrices a polynomial holds, and what that sends
    lattice_products  the protocol of the two parties

Numpy and the kernels of `junto.native` give the same words. The scheme is for two semi-honest parties.
"""
