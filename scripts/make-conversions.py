"""Writes test/fixtures/conversions.json: float32 and float64 values with what other implementations make of them.

Run in an environment of its own, with the versions that the file names:

    python -m venv /tmp/conversions && /tmp/conversions/bin/pip install numpy==2.4.6 ml_dtypes==0.6.0 onnx==1.23.2
    /tmp/conversions/bin/python scripts/make-conversions.py > test/fixtures/conversions.json
"""

import json
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx import numpy_helper

random = np.random.default_rng(4)


def around(codes, dtype):
    """Each given code's value, the middle to the next one, and the float32 on either side of that middle."""
    values = np.array(codes, dtype=np.uint8 if np.dtype(dtype).itemsize == 1 else np.uint16)
    values = np.sort(values.view(dtype).astype(np.float32))
    values = values[np.isfinite(values)]
    middles = (values[:-1] + values[1:]) / 2
    below, above = np.nextafter(middles, np.float32(-np.inf)), np.nextafter(middles, np.float32(np.inf))
    return np.concatenate([values, middles, below, above])


def float32(*groups):
    values = np.concatenate([np.asarray(group, dtype=np.float32) for group in groups])
    return np.unique(values.view(np.uint32)).view(np.float32)


def entries(values, codes):
    bits = values.view(np.uint32 if values.dtype == np.float32 else np.uint64)
    return [[hex(int(value)), int(code)] for value, code in zip(bits, codes)]


def wide(scale, count):
    return random.standard_normal(count) * 2.0 ** random.uniform(-scale, scale, count)


ends = [0.0, -0.0, np.inf, -np.inf, 3.4028235e38, -3.4028235e38, 1e-45, -1e-45]
half = float32(ends, wide(18, 40), around(np.arange(0, 6), np.float16), around([0x7BFE, 0x7BFF], np.float16),
               around([0x3FF, 0x400, 0x401, 0x3C00, 0x3C01, 0x3C02], np.float16),
               [65519.996, 65520, -65520, 65504, 2**-24, 2**-25, 1.0000001 * 2**-25])
brain = float32(ends, wide(120, 40), around(np.arange(0, 4), ml_dtypes.bfloat16),
                around([0x7F, 0x80, 0x81, 0x3F80, 0x3F81, 0x3F82, 0x7F7E, 0x7F7F], ml_dtypes.bfloat16), [3.39e38, 3.3961775e38])
eight = float32(ends, wide(10, 30), around([0, 1, 2, 3, 7, 8, 9, 0x38, 0x39, 0x7D, 0x7E, 0x81, 0x87, 0x88], ml_dtypes.float8_e4m3fn),
                [448, 463.99997, 464, 464.00003, 480, -464, -465, 1e6])
four_codes = np.arange(16, dtype=np.uint8).view(ml_dtypes.float4_e2m1fn).astype(np.float32)
middles = (np.sort(four_codes)[:-1] + np.sort(four_codes)[1:]) / 2
four = float32(ends, wide(3, 30), four_codes, middles, np.nextafter(middles, np.float32(9)), np.nextafter(middles, np.float32(-9)),
               [5, 5.0000005, 6, 6.5, 7, 8, 100])
scale = float32(np.abs(wide(120, 30)), 2.0 ** np.arange(-126, 128, 23), [1.0000001, 1.9999999, 3, 3e38, 1.17549435e-38])
double = np.array([*wide(18, 40), 1 + 2**-11, 1 + 2**-11 + 2**-40, 1 + 2**-11 - 2**-40, 65519.999999999, 65520 - 2**-30, 2**-25 * (1 + 2**-50)])

json.dump(
    {
        "comment": "Of scripts/make-conversions.py. Each pair: the bits of a float32 or float64, and the code that the source gives for it.",
        "sources": {
            "float16, float64ToFloat16": f"numpy {np.__version__} astype(float16)",
            "bfloat16": f"ml_dtypes {ml_dtypes.__version__} bfloat16",
            "float8e4m3fn": f"onnx {onnx.__version__} numpy_helper.saturate_cast",
            "float4e2m1": f"ml_dtypes {ml_dtypes.__version__} float4_e2m1fn",
            "float8e8m0": f"onnx {onnx.__version__} numpy_helper.to_float8e8m0, saturate, up",
        },
        "float16": entries(half, half.astype(np.float16).view(np.uint16)),
        "float64ToFloat16": entries(double, double.astype(np.float16).view(np.uint16)),
        "bfloat16": entries(brain, brain.astype(ml_dtypes.bfloat16).view(np.uint16)),
        "float8e4m3fn": entries(eight, numpy_helper.saturate_cast(eight, np.dtype(ml_dtypes.float8_e4m3fn)).view(np.uint8)),
        "float4e2m1": entries(four, four.astype(ml_dtypes.float4_e2m1fn).view(np.uint8)),
        "float8e8m0": entries(scale, numpy_helper.to_float8e8m0(scale).view(np.uint8)),
    },
    sys.stdout,
)
