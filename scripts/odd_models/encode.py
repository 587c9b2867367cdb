"""Tensors as JSON, so that every bit comes back."""

from __future__ import annotations

import ml_dtypes
import numpy as np

TYPES = {
    np.dtype(np.float32): "float32",
    np.dtype(np.float16): "float16",
    np.dtype(ml_dtypes.bfloat16): "bfloat16",
    np.dtype(np.int8): "int8",
    np.dtype(np.uint8): "uint8",
    np.dtype(np.int32): "int32",
    np.dtype(np.int64): "int64",
    np.dtype(np.bool_): "bool",
}
LARGEST_SAFE_INTEGER = 2**53 - 1


def tensor_as_json(array: np.ndarray) -> dict[str, object]:
    """`{ type, dims, data }`. float16 and bfloat16 are their bits, bool is 0 and 1, a long integer is a string."""
    array = np.asarray(array)
    # TensorRT's parser makes float32 of float64, and so the engine has it.
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return {
        "type": TYPES[array.dtype],
        "dims": list(array.shape),
        "data": elements(array.reshape(-1)),
    }


def elements(flat: np.ndarray) -> list[object]:
    if flat.dtype in (np.float16, ml_dtypes.bfloat16):
        return flat.view(np.uint16).tolist()
    if flat.dtype == np.float32:
        return [number(value) for value in flat]
    if flat.dtype == np.bool_:
        return flat.astype(np.uint8).tolist()
    return [value if abs(value) <= LARGEST_SAFE_INTEGER else str(value) for value in flat.tolist()]


def number(value: np.float32) -> object:
    """The shortest decimal that is this float32, not the double's; what JSON has no number for is a string."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(np.format_float_scientific(value, unique=True, trim="-"))
