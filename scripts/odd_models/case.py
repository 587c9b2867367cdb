"""What a case of models/odd is, and how its model is written down."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

# The IR version that came with each opset: what an exporter of that time would have written.
IR_OF_OPSET = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10}

Range = dict[str, list[int] | dict[str, list[int]]]


@dataclass(frozen=True)
class Tolerance:
    """max|a - b| <= absolute + relative * max|b|, over one output. Integers and booleans are always equal."""

    relative: float
    absolute: float
    reason: str


FLOAT32 = Tolerance(
    1e-5,
    1e-7,
    "float32 without TF32: sums are rounded in another order, and exp, tanh and erf are not ONNX Runtime's",
)
EXACT = Tolerance(0.0, 0.0, "nothing is rounded: values are moved, compared, or counted")
FLOAT16 = Tolerance(
    4e-3,
    1e-4,
    "float16 has 11 bits; ONNX Runtime computes in float32 on the CPU and rounds after each operator",
)
BFLOAT16 = Tolerance(1e-2, 1e-3, "bfloat16 has 8 bits: the result may be rounded to the neighbour")


@dataclass(frozen=True)
class Difference:
    """A known wrong answer of one TensorRT version, so that tests pin it down and notice when it is gone."""

    # As far as it is known to reach: "10.6" is every 10.6.x.
    version: str
    what: str
    # Of each run, the outputs that are wrong, as that version gives them.
    outputs: tuple[dict[str, np.ndarray], ...]


@dataclass(frozen=True)
class Expectation:
    """What a runtime makes of a model: it builds it, or fails with one of these codes for this reason."""

    codes: tuple[str, ...] = ()
    reason: str = ""
    compute_capabilities: tuple[str, ...] = ()
    differs: Difference | None = None


BUILDS = Expectation()


def fails(*codes: str, reason: str) -> Expectation:
    return Expectation(codes=codes, reason=reason)


def differs(version: str, what: str, *outputs: dict[str, np.ndarray]) -> Expectation:
    return Expectation(differs=Difference(version, what, outputs))


@dataclass
class Case:
    name: str
    what: str
    model: onnx.ModelProto | bytes
    runs: list[dict[str, np.ndarray]] = field(default_factory=list)
    profiles: list[dict[str, Range]] = field(default_factory=list)
    tolerance: Tolerance = FLOAT32
    tensorrt: Expectation = BUILDS
    rtx: Expectation = BUILDS
    # Inputs that have another name in the engine than in the model.
    input_names: dict[str, str] = field(default_factory=dict)
    # Weights lie in a file beside the model.
    external: bool = False
    # Whose work it tries: trt-node's (types, shapes, names, sources, errors) or TensorRT's alone (parser and kernels).
    tries: Literal["trt-node", "TensorRT"] = "trt-node"


def of_tensorrt_alone(cases: list[Case]) -> list[Case]:
    return [replace(case, tries="TensorRT") for case in cases]


def model(
    text: str,
    *,
    opset: int = 17,
    domains: dict[str, int] | None = None,
    weights: dict[str, np.ndarray] | None = None,
    check: bool = True,
) -> onnx.ModelProto:
    """A model from ONNX's own text form, with `weights` as initializers."""
    imports = {"": opset, **(domains or {})}
    opsets = ", ".join(f'"{domain}" : {version}' for domain, version in imports.items())
    proto = onnx.parser.parse_model(
        f'<ir_version: {IR_OF_OPSET[opset]}, opset_import: [{opsets}], producer_name: "trt-node">\n{text}'
    )
    for name, array in (weights or {}).items():
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    if check:
        onnx.checker.check_model(proto)
    return proto


def generator(seed: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(zlib.crc32(seed.encode())))


def normal(seed: str, *dims: int, dtype: type = np.float32, scale: float = 1.0) -> np.ndarray:
    """The same numbers on every machine. They are rounded to 12 bits, so that they are short as text."""
    values = generator(seed).standard_normal(dims) * scale
    return (np.round(values * 256) / 256).astype(dtype)


def integers(seed: str, low: int, high: int, *dims: int, dtype: type = np.int64) -> np.ndarray:
    """From `low` up to and including `high`."""
    return generator(seed).integers(low, high, dims, endpoint=True).astype(dtype)


def booleans(seed: str, *dims: int) -> np.ndarray:
    return generator(seed).integers(0, 2, dims).astype(bool)


def span(min_: list[int], opt: list[int], max_: list[int]) -> Range:
    return {"min": min_, "opt": opt, "max": max_}


def values(dims: list[int], min_: list[int], opt: list[int], max_: list[int]) -> Range:
    """The range of a shape tensor: its dims are fixed, its elements vary."""
    return {**span(dims, dims, dims), "values": span(min_, opt, max_)}


def unsupported(name: str, what: str, reason: str, text: str, **options) -> Case:
    """What no TensorRT's parser takes."""
    expectation = fails("ERR_TRT_ONNX_PARSE", reason=reason)
    return Case(name, what, model(text, **options), tensorrt=expectation, rtx=expectation)
