#!/usr/bin/env python3
"""kquants - block types against the `gguf` package.

usage: kquants.py FOLDER                  write type_<TYPE>.gguf and .npy of Q4_K, Q5_K and Q6_K
       kquants.py --check [ROUNDS [SEED]] compare tests/unit/gguf with the package, from the root of the tree

The package cannot make K-quants, so their blocks are random bytes; scales are halves of any finite value, of
either sign, zero and subnormal among them. --check makes new ones of every type that we read, and new
numbers, zeros, constants and very small and large ones among them, for every type that we write; both sides
must agree to the bit. Prints a line for each type; exits 1 at the first difference.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Q, GGUFWriter
from gguf.quants import dequantize, quantize

# Where the scales lie in a block.
SCALES = {Q.F16: [0], Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q4_K: [0, 2],
          Q.Q5_K: [0, 2], Q.Q6_K: [208]}
READ = [*SCALES, Q.F32, Q.BF16]
WRITTEN = [Q.F32, Q.F16, Q.BF16, Q.Q8_0]


def scales(rng, n):
    """Finite halves; a third of them subnormal or zero."""
    bits = rng.integers(0, 0x7C00, n)
    bits = np.where(rng.random(n) < 1 / 3, bits % 0x400, bits) | rng.integers(0, 2, n) << 15
    return bits.astype("<u2").view(np.uint8).reshape(n, 2)


def random_blocks(rng, kind, rows, columns):
    block, size = GGML_QUANT_SIZES[kind]
    if kind in (Q.F32, Q.BF16):
        return quantize(numbers(rng, rows, columns), kind)
    data = rng.integers(0, 256, (rows * columns // block, size), dtype=np.uint8)
    for at in SCALES[kind]:
        data[:, at:at + 2] = scales(rng, len(data))
    return data.reshape(rows, -1)


def write(path, kind, data):
    writer = GGUFWriter(path, "test")
    writer.add_tensor("w", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return dequantize(data, kind).astype("<f4")


def numbers(rng, rows, columns):
    x = rng.standard_normal((rows, columns)) * 10.0 ** rng.integers(-44, 5, (rows, 1))
    x[rng.random(rows) < 0.1] = 0
    x[rng.random(rows) < 0.1] = rng.standard_normal()
    return x.astype("<f4")


def run(*args, data=b""):
    return subprocess.run(["tests/unit/gguf", *args], input=data, capture_output=True, check=True).stdout


def reads(rng, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blocks.gguf"
        want = write(path, kind, random_blocks(rng, kind, int(rng.integers(1, 40)), 256 * int(rng.integers(1, 5))))
        return run("--read", str(path)) == want.tobytes()


def writes(rng, kind):
    x = numbers(rng, int(rng.integers(1, 40)), 32 * int(rng.integers(1, 20)))
    return run("--write", str(int(kind)), data=x.tobytes()) == quantize(x, kind).tobytes()


def check(rounds, seed):
    for name, same, kinds in [("read", reads, READ), ("written", writes, WRITTEN)]:
        for kind in kinds:
            for k in range(rounds):
                if not same(np.random.default_rng([seed, kind, k]), kind):
                    sys.exit(f"{kind.name}, {name}: round {k} of seed {seed} differs")
            print(f"{kind.name} {name}: {rounds} of {rounds} equal")


def main():
    if sys.argv[1] == "--check":
        return check(*(int(a) for a in (sys.argv[2:] + ["20", "1"][len(sys.argv) - 2:])))
    rng = np.random.default_rng(52)
    for kind in (Q.Q4_K, Q.Q5_K, Q.Q6_K):
        path = Path(sys.argv[1]) / f"type_{kind.name}.gguf"
        np.save(path.with_suffix(".npy"), write(path, kind, random_blocks(rng, kind, 3, 512)))


main()
