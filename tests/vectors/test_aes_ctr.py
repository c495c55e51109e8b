"""AES-128 in counter mode and HKDF against published vectors."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.mpc import prg


def test_aes_128_of_a_zero_counter():
    # NIST, AES Known Answer Test, KeySbox128 (csrc.nist.gov), COUNT 0: a plaintext of zeros.
    key = bytes.fromhex("10a58869d74be5a374cf867cfb473859")
    block = bytes.fromhex("6d251e6944b051e04eaa6fb4dbf78465")
    assert prg.Stream(key).octets(16) == block


def test_the_counter_counts_blocks_from_zero():
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")  # NIST SP 800-38A, appendix F.5
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    counters = b"".join(number.to_bytes(16, "big") for number in range(5000))
    assert prg.Stream(key).octets(80_000) == ecb.update(counters)


# NIST SP 800-38A (2001 edition), appendix F.5.1, CTR-AES128.Encrypt: counter blocks and output blocks.
F_5_1 = [
    ("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "ec8cdf7398607cb0f2d21675ea9ea1e4"),
    ("f0f1f2f3f4f5f6f7f8f9fafbfcfdff00", "362b7c3c6773516318a077d7fc5073ae"),
    ("f0f1f2f3f4f5f6f7f8f9fafbfcfdff01", "6a2cc3787889374fbeb4c81b17ba6c44"),
    ("f0f1f2f3f4f5f6f7f8f9fafbfcfdff02", "e89c399ff0f198c6d40a31db156cabfe"),
]


def test_the_counter_mode_that_streams_use_is_the_standards():
    """A stream starts at 0, the published vectors do not: these are the blocks from their place on."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    made = prg.plain_keystream(key, 2 * int(F_5_1[0][0], 16), 8)
    assert made.tobytes() == bytes.fromhex("".join(output for _, output in F_5_1))
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    assert [ecb.update(bytes.fromhex(counter)).hex() for counter, _ in F_5_1] == [out for _, out in F_5_1]


def test_keys_are_the_first_block_of_hkdf_expand():
    # RFC 5869, section 2.3: T(1) = HMAC(PRK, info | 0x01)
    secret = bytes(range(32))
    expand = hmac.HMAC(secret, hashes.SHA256())
    expand.update(b"s\x00\x00\x00\x01a" + b"i\x00\x00\x00\x017" + b"\x01")
    assert prg.derive(secret, "a", 7) == expand.finalize()[:16]
