"""Graphs of odd build: control flow, functions, and how inputs and outputs hang together."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from .case import EXACT, Case, fails, model, normal, of_tensorrt_alone, span

PARSE = "ERR_TRT_ONNX_PARSE"
INVALID = "ERR_TRT_ONNX_INVALID"
CRASHED = "ERR_TRT_BUILD_CRASHED"


def edges() -> list[Case]:
    special = np.float32([np.nan, np.inf, -np.inf, -0.0, 1e-45, 1.1754942e-38, 3.4028235e38, -1.5])
    return [
        Case(
            "identity",
            "#34 NaN, infinities, -0 and denormal numbers pass through",
            model("g (float[n] x) => (float[n] y) { y = Identity(x) }", opset=13),
            runs=[{"x": special}],
            profiles=[{"x": span([1], [8], [16])}],
            tolerance=EXACT,
        ),
        Case(
            "two-outputs-of-one",
            "one tensor under two names, and a third that is their source",
            model(
                "g (float[3] x) => (float[3] t, float[3] u, float[3] v) { t = Relu(x)\nu = Identity(t)\nv = Identity(t) }"
            ),
            runs=[{"x": np.float32([-1, 0, 2.5])}],
            tolerance=EXACT,
        ),
        Case(
            "intermediate-output",
            "an output that other nodes go on with",
            model(
                "g (float[2,4] x) => (float[2,4] half, float[2,2] y) { half = Tanh(x)\ny = MatMul(half, w) }",
                weights={"w": normal("io", 4, 2)},
            ),
            runs=[{"x": normal("iox", 2, 4)}],
        ),
        Case(
            "input-as-output",
            "an input that is an output as well, without a node between",
            model("g (float[3] x) => (float[3] x, float[3] y) { y = Neg(x) }", check=False),
            runs=[{"x": np.float32([-1, 0, 2.5])}],
            # An output keeps its name in TensorRT's parser, so it renames the input.
            input_names={"x": "__x"},
            tolerance=EXACT,
        ),
        Case(
            "unused-input",
            "an input that nothing reads",
            model("g (float[3] x, int64[2] unused) => (float[3] y) { y = Neg(x) }"),
            runs=[{"x": np.float32([-1, 0, 2.5]), "unused": np.int64([1, 2])}],
            tolerance=EXACT,
        ),
        Case(
            "constant-output",
            "an output that no input reaches",
            model(
                "g (float[3] x) => (float[3] y, float[2,2] table) { y = Neg(x)\ntable = Identity(w) }",
                weights={"w": normal("co", 2, 2)},
            ),
            runs=[{"x": np.float32([-1, 0, 2.5])}],
            tolerance=EXACT,
        ),
        Case(
            "no-inputs",
            "a model that takes nothing",
            model("g () => (float[2,2] y) { y = Add(w, w) }", weights={"w": normal("ni", 2, 2)}),
            runs=[{}],
            tolerance=EXACT,
        ),
        Case(
            "initializer-as-input",
            "IR 3: weights are listed among the inputs",
            ir_3(),
            runs=[{"x": normal("ir3", 2, 3)}],
        ),
        Case(
            "external-data",
            "weights in a file beside the model",
            model(
                "g (float[batch,8] x) => (float[batch,8] y) { y = MatMul(x, w) }",
                weights={"w": normal("xd", 8, 8)},
            ),
            runs=[{"x": normal("xdx", 2, 8)}],
            profiles=[{"x": span([1, 8], [2, 8], [4, 8])}],
            external=True,
        ),
        Case(
            "sparse-initializer",
            "weights as a sparse tensor",
            sparse(),
            tensorrt=(
                unsupported := fails(
                    PARSE,
                    reason="TensorRT's parser reads no sparse initializers: store them densely",
                )
            ),
            rtx=unsupported,
        ),
        Case(
            "sequence",
            "a sequence of tensors between nodes",
            model(
                """g (float[2] x, float[2] y) => (float[2] z)
                   <int64 at = {1}> {
                     both = SequenceConstruct(x, y)
                     z = SequenceAt(both, at)
                   }"""
            ),
            tensorrt=(
                sequences := fails(PARSE, reason="TensorRT knows tensors alone, no sequences")
            ),
            rtx=sequences,
        ),
    ]


def ir_3() -> onnx.ModelProto:
    proto = model(
        "g (float[2,3] x, float[3,2] w) => (float[2,2] y) { y = MatMul(x, w) }",
        opset=13,
        weights={"w": normal("w3", 3, 2)},
    )
    proto.ir_version = 3
    return proto


def sparse() -> onnx.ModelProto:
    proto = model("g (float[3] x) => (float[3] y) { y = Add(x, w) }", check=False)
    array = helper.make_tensor("w", TensorProto.FLOAT, [1], [2.5])
    indices = helper.make_tensor("w indices", TensorProto.INT64, [1], [1])
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(array, indices, [3]))
    return proto


def inner_graphs() -> list[Case]:
    return [
        Case(
            "large-constant",
            "16,384 numbers that the parser computes from none",
            model(
                """g (float[2,128] x) => (float[2,128] y) {
                     from = Constant<value_float: float = 0.0>()
                     to = Constant<value_float: float = 16384.0>()
                     step = Constant<value_float: float = 1.0>()
                     row = Range(from, to, step)
                     dims = Constant<value_ints = [128, 128]>()
                     table = Reshape(row, dims)
                     scale = Constant<value_float: float = 16384.0>()
                     w = Div(table, scale)
                     y = MatMul(x, w)
                   }"""
            ),
            runs=[{"x": normal("lc", 2, 128)}],
        ),
        Case(
            "if",
            "two branches, chosen by an input",
            model(
                """g (bool choose, float[2,3] x) => (float[2,3] y) {
                     y = If (choose) <
                       then_branch = yes () => (float[2,3] a) { a = Relu(x) },
                       else_branch = no () => (float[2,3] b) { b = Neg(x) }
                     >
                   }""",
                opset=16,
            ),
            runs=[{"choose": np.bool_(value), "x": normal("if", 2, 3)} for value in (True, False)],
            tolerance=EXACT,
        ),
        Case(
            "loop",
            "a fixed number of rounds, a carried value and a scan output",
            model(
                """g (float[3] x) => (float[3] last, float[5,3] all)
                   <int64 rounds = {5}, bool go = {1}> {
                     last, all = Loop (rounds, go, x) <
                       body = round (int64 i, bool going, float[3] before) => (bool more, float[3] after, float[3] seen) {
                         more = Identity(going)
                         f = Cast<to = 1>(i)
                         after = Add(before, f)
                         seen = Mul(after, after)
                       }
                     >
                   }""",
                opset=16,
            ),
            runs=[{"x": normal("loop", 3)}],
        ),
        Case(
            "scan",
            "Scan over the rows, a running sum",
            model(
                """g (float[4,3] x, float[3] start) => (float[3] total, float[4,3] sums) {
                     total, sums = Scan (start, x) <
                       num_scan_inputs = 1,
                       body = row (float[3] before, float[3] one) => (float[3] after, float[3] seen) {
                         after = Add(before, one)
                         seen = Identity(after)
                       }
                     >
                   }""",
                opset=16,
            ),
            runs=[{"x": normal("scan", 4, 3), "start": normal("scan0", 3)}],
        ),
        Case(
            "local-function",
            "an operator that the model defines itself",
            model(
                """g (float[2,3] x) => (float[2,3] y) {
                     half = own.squash(x)
                     y = own.squash(half)
                   }
                   <domain: "own", opset_import: ["" : 17]>
                   squash (a) => (r) {
                     s = Sigmoid(a)
                     r = Mul(a, s)
                   }""",
                domains={"own": 1},
            ),
            runs=[{"x": normal("function", 2, 3)}],
        ),
    ]


def refused() -> list[Case]:
    return [
        Case(
            "loop-short",
            "#16 a loop whose body lacks an input: TensorRT-RTX 1.7's parser crashes, in the build's child process",
            model(
                """g (float[3] x) => (float[3] last)
                   <int64 rounds = {5}, bool go = {1}> {
                     last = Loop (rounds, go, x) <
                       body = round (int64 i, float[3] before) => (bool more, float[3] after) {
                         more = Identity(go)
                         after = Add(before, x)
                       }
                     >
                   }""",
                opset=16,
                check=False,
            ),
            tensorrt=fails(
                PARSE, CRASHED, reason="the model is damaged, and the parser may crash over it"
            ),
            rtx=fails(
                CRASHED,
                reason="the model is damaged, and TensorRT-RTX 1.7's parser crashes over it",
            ),
        ),
        Case(
            "custom-domain",
            "#17 an operator of somebody's own domain",
            model(
                "g (float[1,4] x) => (float[1,4] y) { [before] t = Relu(x)\n[the_culprit] y = com.example.Frobnicate(t) }",
                domains={"com.example": 1},
            ),
            tensorrt=(
                unknown := fails(PARSE, reason="TensorRT knows the operator only as a plugin")
            ),
            rtx=unknown,
        ),
        Case(
            "unknown-operators",
            "#17 two operators that no TensorRT has",
            model(
                "g (float[4] x) => (float[4] y) { [first] t = Frobnicate(x)\n[second] y = Confuse(t) }",
                check=False,
            ),
            tensorrt=unknown,
            rtx=unknown,
        ),
    ]


def cases() -> list[Case]:
    return [*edges(), *of_tensorrt_alone(inner_graphs()), *refused()]
