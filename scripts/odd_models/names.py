"""Names of tensors and nodes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .case import BUILDS, EXACT, Case, Expectation, fails, model, normal, span

PARSE = "ERR_TRT_ONNX_PARSE"


def sum_of(names: list[str], *, node: str = "", dim: int | str = 2) -> onnx.ModelProto:
    """Adds the inputs up, the first once, the second twice and so on, so that two swapped names show."""
    graph_names, total = [*names], names[0]
    nodes, weights = [], []
    for index, name in enumerate(names[1:], start=2):
        weights.append(numpy_helper.from_array(np.float32(index), f"factor {index}"))
        nodes.append(
            helper.make_node(
                "Mul", [name, f"factor {index}"], [f"product {index}"], f"{node}mul{index}"
            )
        )
        nodes.append(
            helper.make_node(
                "Add", [total, f"product {index}"], [f"sum {index}"], f"{node}add{index}"
            )
        )
        total = f"sum {index}"
    outputs = []
    for name in graph_names:
        nodes.append(helper.make_node("Add", [total, name], [f"{name}→"], f"{node}{name}"))
        outputs.append(helper.make_tensor_value_info(f"{name}→", TensorProto.FLOAT, [dim]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [dim]) for name in names]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="trt-node"
    )


def named(
    case: str,
    what: str,
    names: list[str],
    *,
    node: str = "",
    dim: int | str = 2,
    tensorrt: Expectation = BUILDS,
) -> Case:
    runs = [{name: normal(f"{case}{index}", 2) for index, name in enumerate(names)}]
    profiles = [] if dim == 2 else [{name: span([1], [2], [4]) for name in names}]
    model = sum_of(names, node=node, dim=dim)
    return Case(
        case, what, model, runs=runs, profiles=profiles, tolerance=EXACT, tensorrt=tensorrt
    )


def with_outputs(names: list[str]) -> onnx.ModelProto:
    """Multiplies its input by 1, 2 and so on, an output each."""
    factors = [
        numpy_helper.from_array(np.float32(index), f"factor {index}")
        for index in range(1, len(names) + 1)
    ]
    nodes = [
        helper.make_node("Mul", ["x", factor.name], [name])
        for factor, name in zip(factors, names, strict=True)
    ]
    x, *outputs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ["x", *names]
    )
    graph = helper.make_graph(nodes, "g", [x], outputs, factors)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="trt-node"
    )


def cases() -> list[Case]:
    nul = Case(
        "names-nul",
        "two names that are one for whoever reads them up to their NUL",
        sum_of(["x\0a", "x\0b"]),
        runs=[{"x\0a": normal("nul-a", 2), "x\0b": normal("nul-b", 2)}],
        tensorrt=fails(PARSE, reason="TensorRT reads a name up to its first NUL"),
        rtx=fails(PARSE, reason="TensorRT reads a name up to its first NUL"),
    )
    unbuilt = fails(
        "ERR_TRT_BUILD_FAILED",
        reason="TensorRT 10.6 finds no implementation for a pointwise layer with a quote or a backslash in its node's name",
    )
    return [
        named(
            "names-scripts",
            "names in other scripts, composed and decomposed",
            ["вход", "输入", "入力", "مدخل", "🦊", "é", "e\u0301"],
        ),
        named(
            "names-signs",
            "names with spaces, slashes and punctuation",
            ["a b", "a/b/c", "入力:0", "a:b", "a,b;c"],
        ),
        named("names-quotes", "names with double quotes", ['"quoted"', 'one"'], tensorrt=unbuilt),
        named(
            "names-backslash", "names with backslashes", ["back\\slash", "\\n"], tensorrt=unbuilt
        ),
        named("names-control", "names with a tab and a newline", ["tab\there", "line\n"]),
        named("names-percent", "names that printf would take for formats", ["%s%n", "100%"]),
        named(
            "names-prototype",
            "names that JavaScript's objects have already, and names that look like indices",
            [
                "__proto__",
                "constructor",
                "toString",
                "hasOwnProperty",
                "length",
                "then",
                "0",
                "1",
                "-1",
                "1e3",
            ],
            dim="n",
        ),
        Case(
            "names-prototype-outputs",
            "outputs under such names",
            with_outputs(["__proto__", "constructor", "then", "2", "0", "hasOwnProperty"]),
            runs=[{"x": normal("npo", 2)}],
            tolerance=EXACT,
        ),
        named(
            "names-long",
            "names of a thousand characters that differ in the last",
            ["n" * 999 + "a", "n" * 999 + "b"],
        ),
        named(
            "names-nodes",
            "nodes whose names have spaces, signs and other scripts",
            ["x", "y"],
            node="узел / 节点: 🦊 ",
        ),
        Case(
            "names-none",
            "nodes without names",
            model("g (float[2] x) => (float[2] y) { a = Relu(x)\ny = Add(a, x) }"),
            runs=[{"x": np.float32([-1.5, 2])}],
            tolerance=EXACT,
            tries="TensorRT",
        ),
        Case(
            "names-twice",
            "two nodes of one name; ONNX Runtime refuses it, so nothing is compared",
            model("g (float[2] x) => (float[2] y) { [n] a = Neg(x)\n[n] y = Abs(a) }"),
            tries="TensorRT",
        ),
        nul,
    ]
