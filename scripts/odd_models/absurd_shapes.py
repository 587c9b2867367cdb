"""#18: shapes that nobody can have, or that TensorRT's parser would misread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from .case import Case, fails, model

PARSE = "ERR_TRT_ONNX_PARSE"
BUILD = "ERR_TRT_BUILD_FAILED"
INVALID = "ERR_TRT_ONNX_INVALID"

ADD_WEIGHTS = "g (float[4] x) => (float[4] y) { y = Add(x, w) }"


def relu(dims: str) -> str:
    return f"g (float[{dims}] x) => (float[{dims}] y) {{ y = Relu(x) }}"


def refused(
    name: str,
    what: str,
    reason: str,
    text: str,
    *codes: str,
    change: Callable[[onnx.GraphProto], None] = lambda graph: None,
    **options,
) -> Case:
    proto = model(text, opset=13, check=False, **options)
    change(proto.graph)
    expectation = fails(*codes, reason=reason)
    return Case(name, f"#18 {what}", proto, tensorrt=expectation, rtx=expectation)


def make_negative(graph: onnx.GraphProto) -> None:
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.shape.dim[1].dim_value = -5


def remove_shapes(graph: onnx.GraphProto) -> None:
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.ClearField("shape")


def shorten_weights(graph: onnx.GraphProto) -> None:
    graph.initializer[0].raw_data = b"\0" * 9


def enlarge_weights(graph: onnx.GraphProto) -> None:
    graph.initializer[0].dims[:] = [2**62]


def cases() -> list[Case]:
    narrowed = "TensorRT's parser keeps 32 bits of an axis: it made 5 of 2^32 + 5"
    damaged = "the file is damaged"
    weights = {"w": np.ones(4, np.float32)}
    return [
        refused("dim-2-to-40", "an axis of 2^40", narrowed, relu(str(2**40)), INVALID),
        refused("dim-narrowed", "an axis of 2^32 + 5", narrowed, relu(str(2**32 + 5)), INVALID),
        refused(
            "product-overflow",
            "axes whose product overflows int64",
            "TensorRT's tensors have 2^40 elements at most",
            relu(f"{2**30},{2**30},{2**30}"),
            PARSE,
            BUILD,
        ),
        refused(
            "negative-dim",
            "an axis of -5",
            "a negative axis is a dynamic one to parsers, so a profile is asked for",
            relu("2,7"),
            "ERR_TRT_PROFILE_MISSING",
            change=make_negative,
        ),
        refused(
            "no-shape",
            "an input whose shape, even its rank, the model does not tell",
            "TensorRT's parser would take the input for a scalar",
            relu("2,3"),
            INVALID,
            change=remove_shapes,
        ),
        refused(
            "rank-9",
            "nine axes",
            "TensorRT has eight axes at most",
            relu("1,1,1,1,1,1,1,1,2"),
            PARSE,
        ),
        refused(
            "short-initializer",
            "weights with fewer bytes than their dims ask for",
            damaged,
            ADD_WEIGHTS,
            PARSE,
            INVALID,
            weights=weights,
            change=shorten_weights,
        ),
        refused(
            "vast-initializer",
            "weights of 2^62 elements in 16 bytes",
            damaged,
            ADD_WEIGHTS,
            PARSE,
            INVALID,
            weights=weights,
            change=enlarge_weights,
        ),
    ]
