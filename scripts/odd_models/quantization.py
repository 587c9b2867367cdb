"""Quantized models: INT8 and FP8 Q/DQ, INT4 weights, and what TensorRT does not quantize to."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

from .case import (
    FLOAT16,
    Case,
    Expectation,
    Tolerance,
    integers,
    model,
    normal,
    span,
    unsupported,
)

POWERS_OF_TWO = Tolerance(
    0.0,
    0.0,
    "every scale is a power of two and halves go to the even neighbour: float32 holds each step exactly",
)


def int8_convolution() -> Case:
    return Case(
        "qdq-int8-convolution",
        "INT8 Q/DQ around a convolution, its weights with a scale per channel",
        model(
            """g (float[1,4,6,6] x) => (float[1,4,6,6] y) {
                 xq = QuantizeLinear(x, sx, zero)
                 xd = DequantizeLinear(xq, sx, zero)
                 wd = DequantizeLinear<axis = 0>(w, sw, zeros)
                 c = Conv<pads = [1, 1, 1, 1]>(xd, wd)
                 r = Relu(c)
                 rq = QuantizeLinear(r, sy, zero)
                 y = DequantizeLinear(rq, sy, zero)
               }""",
            opset=13,
            weights={
                "sx": np.float32(1 / 32),
                "sy": np.float32(1 / 16),
                "zero": np.int8(0),
                "w": integers("qw", -127, 127, 4, 4, 3, 3, dtype=np.int8),
                "sw": np.float32([1 / 256, 1 / 512, 1 / 256, 1 / 1024]),
                "zeros": np.zeros(4, np.int8),
            },
        ),
        runs=[{"x": normal("qx", 1, 4, 6, 6)}],
        tolerance=POWERS_OF_TWO,
    )


def int8_matmul() -> Case:
    return Case(
        "qdq-int8-matmul",
        "INT8 Q/DQ around a matrix product, quantized weights in the model, float32 out",
        model(
            """g (float[batch,16] x) => (float[batch,16] y) {
                 xq = QuantizeLinear(x, sx, zero)
                 xd = DequantizeLinear(xq, sx, zero)
                 wd = DequantizeLinear(w, sw, zero)
                 y = MatMul(xd, wd)
               }""",
            opset=19,
            weights={
                "sx": np.float32(1 / 32),
                "sw": np.float32(1 / 64),
                "zero": np.int8(0),
                "w": integers("qmw", -127, 127, 16, 16, dtype=np.int8),
            },
        ),
        runs=[{"x": normal("qmx", 3, 16)}],
        profiles=[{"x": span([1, 16], [2, 16], [4, 16])}],
        tolerance=POWERS_OF_TWO,
    )


def float8_matmul() -> Case:
    weights = normal("f8w", 16, 16).astype(ml_dtypes.float8_e4m3fn)
    proto = model(
        """g (float[16,16] x) => (float[16,16] y) {
             xq = QuantizeLinear(x, one, zero)
             xd = DequantizeLinear(xq, one, zero)
             wd = DequantizeLinear(w, one, zero)
             y = MatMul(xd, wd)
           }""",
        opset=19,
        weights={"one": np.float32(1)},
        check=False,
    )
    for name, array in (("w", weights), ("zero", np.zeros((), ml_dtypes.float8_e4m3fn))):
        raw = array.view(np.uint8).tobytes()
        proto.graph.initializer.append(
            helper.make_tensor(name, TensorProto.FLOAT8E4M3FN, array.shape, raw, raw=True)
        )
    return Case(
        "qdq-float8-matmul",
        "FP8 (E4M3) Q/DQ around a matrix product",
        proto,
        runs=[{"x": normal("f8x", 16, 16)}],
        tolerance=Tolerance(1e-3, 1e-3, "FP8 tensor cores keep fewer bits of a sum than float32"),
        rtx=Expectation(compute_capabilities=("8.9",)),
    )


def int4_weights() -> Case:
    quantized = integers("i4", -8, 7, 128, 32, dtype=np.int8)
    proto = model(
        """g (float16[2,128] x) => (float16[2,32] y) {
             wd = DequantizeLinear<axis = 0, block_size = 64>(w, s)
             y = MatMul(x, wd)
           }""",
        opset=21,
        weights={"s": np.full((2, 32), 1 / 64, np.float16)},
        check=False,
    )
    flat = quantized.reshape(-1).astype(np.uint8) & 15
    packed = (flat[0::2] | (flat[1::2] << 4)).tobytes()
    proto.graph.initializer.append(
        helper.make_tensor("w", TensorProto.INT4, quantized.shape, packed, raw=True)
    )
    return Case(
        "int4-weights",
        "INT4 weights in blocks of 64, activations in float16",
        proto,
        runs=[{"x": normal("i4x", 2, 128, dtype=np.float16)}],
        tolerance=FLOAT16,
    )


def cases() -> list[Case]:
    return [
        int8_convolution(),
        int8_matmul(),
        float8_matmul(),
        int4_weights(),
        unsupported(
            "qdq-zero-point",
            "INT8 Q/DQ with a zero point other than 0",
            "TensorRT quantizes symmetrically: the zero point must be 0",
            """g (float[4] x) => (float[4] y)
               <float s = {0.5}, int8 z = {3}> {
                 q = QuantizeLinear(x, s, z)
                 y = DequantizeLinear(q, s, z)
               }""",
        ),
        unsupported(
            "qdq-uint8",
            "Q/DQ in uint8",
            "TensorRT quantizes to int8, int4 and FP8, not to uint8",
            """g (float[4] x) => (float[4] y)
               <float s = {0.5}, uint8 z = {128}> {
                 q = QuantizeLinear(x, s, z)
                 y = DequantizeLinear(q, s, z)
               }""",
        ),
        unsupported(
            "dynamic-quantization",
            "a scale that is computed from the data",
            "DynamicQuantizeLinear needs uint8, which TensorRT does not quantize to",
            """g (float[4] x) => (float[4] y) {
                 q, s, z = DynamicQuantizeLinear(x)
                 y = DequantizeLinear(q, s, z)
               }""",
        ),
    ]
