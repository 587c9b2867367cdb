"""Shapes that come from inputs or from the data, and shapes without elements or axes."""

from __future__ import annotations

import numpy as np

from .case import (
    EXACT,
    FLOAT32,
    Case,
    booleans,
    fails,
    integers,
    model,
    normal,
    of_tensorrt_alone,
    span,
    values,
)

PARSE = "ERR_TRT_ONNX_PARSE"
BUILD = "ERR_TRT_BUILD_FAILED"
INVALID = "ERR_TRT_ONNX_INVALID"

longs = lambda *numbers: np.array(numbers, np.int64)  # noqa: E731


def shapes_from_inputs() -> list[Case]:
    return [
        Case(
            "reshape-by-input",
            "Reshape to the values of a second input",
            model(
                "g (float[n] x, int64[2] shape) => (float[rows,columns] y) { y = Reshape(x, shape) }",
                opset=14,
            ),
            runs=[
                {"x": normal(f"r{r}{c}", r * c), "shape": longs(r, c)}
                for r, c in [(3, 4), (2, 6), (1, 12), (12, 12)]
            ],
            profiles=[
                {"x": span([1], [12], [144]), "shape": values([2], [1, 1], [3, 4], [12, 12])}
            ],
            tolerance=EXACT,
        ),
        Case(
            "slice-by-input",
            "Slice between the values of two inputs",
            model(
                """g (float[10] x, int64[1] from, int64[1] to) => (float[n] y) {
                     axes = Constant<value_ints = [0]>()
                     y = Slice(x, from, to, axes)
                   }""",
                opset=13,
            ),
            runs=[
                {"x": normal("s", 10), "from": longs(a), "to": longs(b)}
                for a, b in [(0, 10), (3, 5), (2, 9)]
            ],
            profiles=[{"from": values([1], [0], [1], [4]), "to": values([1], [5], [8], [10])}],
            tolerance=EXACT,
        ),
        Case(
            "constant-of-shape",
            "one input, a shape tensor, and a filled tensor of that shape",
            model(
                "g (int64[2] shape) => (float[rows,columns] y) { y = ConstantOfShape<value = float[1] {2.5}>(shape) }",
                opset=15,
            ),
            runs=[{"shape": longs(1, 1)}, {"shape": longs(3, 5)}],
            profiles=[{"shape": values([2], [1, 1], [2, 4], [8, 8])}],
            tolerance=EXACT,
        ),
        Case(
            "range-by-input",
            "Range with an end that is a scalar input",
            model(
                """g (int64 end) => (int64[n] y) {
                     start = Constant<value_int: int = 3>()
                     step = Constant<value_int: int = 2>()
                     y = Range(start, end, step)
                   }"""
            ),
            runs=[{"end": np.int64(end)} for end in (5, 12, 40)],
            profiles=[{"end": values([], [5], [11], [63])}],
            tolerance=EXACT,
        ),
        Case(
            "shape-tensor-as-data",
            "an input whose values are a shape here and numbers there",
            model(
                """g (float[n] x, int64[2] shape) => (float[rows,columns] y, float[2] numbers) {
                     y = Reshape(x, shape)
                     numbers = Cast<to = 1>(shape)
                   }"""
            ),
            runs=[{"x": normal("sd", 6), "shape": longs(2, 3)}],
            profiles=[{"x": span([1], [6], [36]), "shape": values([2], [1, 1], [2, 3], [6, 6])}],
            tolerance=EXACT,
        ),
        Case(
            "shape-output",
            "the shape of an input, as an output",
            model(
                "g (float[rows,columns] x) => (int64[2] shape, int64 size) { shape = Shape(x)\nsize = Size(x) }",
                opset=15,
            ),
            runs=[{"x": normal("so", 2, 3)}, {"x": normal("so", 4, 1)}],
            profiles=[{"x": span([1, 1], [2, 3], [4, 4])}],
            tolerance=EXACT,
        ),
    ]


def more_shapes_from_inputs() -> list[Case]:
    return [
        Case(
            "expand-by-input",
            "Expand to the values of a second input",
            model(
                "g (float[1,3] x, int64[2] shape) => (float[rows,columns] y) { y = Expand(x, shape) }",
                opset=13,
            ),
            runs=[{"x": normal("e", 1, 3), "shape": longs(rows, 3)} for rows in (1, 5)],
            profiles=[{"shape": values([2], [1, 3], [4, 3], [8, 3])}],
            tolerance=EXACT,
        ),
        Case(
            "tile-by-input",
            "Tile as often as an input says",
            model(
                "g (int32[2,3] x, int64[2] repeats) => (int32[rows,columns] y) { y = Tile(x, repeats) }",
                opset=13,
            ),
            runs=[
                {"x": integers("t", -9, 9, 2, 3, dtype=np.int32), "repeats": longs(a, b)}
                for a, b in [(1, 1), (3, 2)]
            ],
            profiles=[{"repeats": values([2], [1, 1], [2, 2], [4, 4])}],
            tolerance=EXACT,
        ),
        Case(
            "topk-by-input",
            "the k largest, k from an input",
            model(
                "g (float[3,8] x, int64[1] k) => (float[3,n] top, int64[3,n] where) { top, where = TopK(x, k) }",
                opset=13,
            ),
            runs=[{"x": normal("k", 3, 8), "k": longs(k)} for k in (1, 3, 8)],
            profiles=[{"k": values([1], [1], [3], [8])}],
            tolerance=EXACT,
        ),
        Case(
            "resize-by-input",
            "Resize to the values of an input",
            model(
                """g (float[1,1,3,3] x, int64[4] sizes) => (float[a,b,c,d] y) {
                     y = Resize<mode = "nearest", nearest_mode = "floor", coordinate_transformation_mode = "asymmetric">
                         (x, , , sizes)
                   }""",
                opset=13,
            ),
            runs=[
                {"x": normal("rz", 1, 1, 3, 3), "sizes": longs(1, 1, h, w)}
                for h, w in [(3, 3), (6, 9)]
            ],
            profiles=[{"sizes": values([4], [1, 1, 1, 1], [1, 1, 6, 6], [1, 1, 12, 12])}],
            tolerance=EXACT,
        ),
    ]


def shapes_from_data() -> list[Case]:
    no_nonzero = fails(
        PARSE, reason="without a GPU TensorRT-RTX 1.7 knows no NonZero: its parser says so"
    )
    x = np.float32([[0, 1, 0, -2], [3, 0, 0, 0], [0, 0, 0, 0]])
    return [
        Case(
            "nonzero",
            "indices of what is not zero: the data decides how many",
            model("g (float[n,4] x) => (int64[2,count] y) { y = NonZero(x) }", opset=13),
            runs=[
                {"x": x},
                {"x": np.zeros((2, 4), np.float32)},
                {"x": np.ones((4, 4), np.float32)},
            ],
            profiles=[{"x": span([1, 4], [3, 4], [4, 4])}],
            tolerance=EXACT,
            rtx=no_nonzero,
        ),
        Case(
            "nonzero-gather",
            "values picked by a mask, as x[mask] is exported, beside an output of static shape",
            model(
                """g (float[12] x, bool[12] mask) => (float[count] picked, float total) {
                     where = NonZero(mask)
                     rows = Transpose<perm = [1, 0]>(where)
                     picked = GatherND(x, rows)
                     total = ReduceSum<keepdims = 0>(x)
                   }""",
                opset=13,
            ),
            runs=[
                {"x": normal("ng", 12), "mask": booleans("ng", 12)},
                {"x": normal("ng", 12), "mask": np.zeros(12, bool)},
            ],
            tolerance=FLOAT32,
            rtx=no_nonzero,
        ),
        Case(
            "non-max-suppression",
            "boxes that remain: the data decides how many",
            model(
                """g (float[1,6,4] boxes, float[1,2,6] scores) => (int64[count,3] kept)
                   <int64[1] most = {3}, float[1] overlap = {0.5}, float[1] least = {0.1}> {
                     kept = NonMaxSuppression(boxes, scores, most, overlap, least)
                   }""",
                opset=13,
            ),
            runs=[
                {
                    "boxes": np.float32(
                        [
                            [
                                [0, 0, 1, 1],
                                [0, 0.1, 1, 1.1],
                                [0, -0.1, 1, 0.9],
                                [0, 10, 1, 11],
                                [0, 10.1, 1, 11.1],
                                [0, 100, 1, 101],
                            ]
                        ]
                    ),
                    "scores": np.float32(
                        [[[0.9, 0.75, 0.6, 0.95, 0.5, 0.3], [0.05, 0.2, 0.05, 0.05, 0.05, 0.05]]]
                    ),
                }
            ],
            tolerance=EXACT,
            rtx=fails(
                BUILD,
                reason="TensorRT-RTX 1.7 parses NonMaxSuppression and has no implementation of it",
            ),
        ),
        Case(
            "topk-where",
            "TopK, ArgMax and Where: the data decides what, not how many",
            model(
                """g (float[n,6] x, float[n,6] other) => (float[n,2] top, int64[n,2] index, int64[n,1] largest, float[n,6] y)
                   <int64[1] k = {2}> {
                     top, index = TopK<axis = -1, largest = 0>(x, k)
                     largest = ArgMax<axis = 1>(x)
                     wins = Greater(x, other)
                     y = Where(wins, x, other)
                   }""",
                opset=13,
            ),
            runs=[{"x": normal("tw", 3, 6), "other": normal("ow", 3, 6)}],
            profiles=[{name: span([1, 6], [3, 6], [4, 6]) for name in ("x", "other")}],
            tolerance=EXACT,
        ),
        Case(
            "compress",
            "Compress, the operator that TensorRT lacks for this",
            model(
                "g (float[4] x, bool[4] mask) => (float[n] y) { y = Compress(x, mask) }", opset=13
            ),
            tensorrt=(
                unsupported := fails(
                    PARSE, reason="TensorRT knows no Compress: NonZero and GatherND do the same"
                )
            ),
            rtx=unsupported,
        ),
    ]


def unusual_shapes() -> list[Case]:
    return [
        Case(
            "scalars",
            "inputs and outputs without axes",
            model(
                "g (float a, float b) => (float sum, bool more) { sum = Add(a, b)\nmore = Greater(a, b) }",
                opset=13,
            ),
            runs=[{"a": np.float32(1.5), "b": np.float32(-4)}],
            tolerance=EXACT,
        ),
        Case(
            "zero-batch",
            "a batch that may be empty",
            model(
                """g (float[batch,4] x) => (float[batch,3] y, float[batch,8] twice) {
                     y = MatMul(x, w)
                     twice = Concat<axis = 1>(x, x)
                   }""",
                opset=13,
                weights={"w": normal("zw", 4, 3)},
            ),
            runs=[{"x": normal("zx", rows, 4)} for rows in (0, 2, 4)],
            profiles=[{"x": span([0, 4], [2, 4], [4, 4])}],
        ),
        Case(
            "zero-columns",
            "an input that never has an element",
            model(
                "g (float[2,0] empty, float[2,3] x) => (float[2,3] y) { y = Concat<axis = 1>(empty, x) }",
                opset=13,
            ),
            runs=[{"empty": np.zeros((2, 0), np.float32), "x": normal("zc", 2, 3)}],
            tolerance=EXACT,
        ),
        Case(
            "rank-8",
            "eight axes, as many as TensorRT has",
            model(
                """g (float[2,1,3,1,2,1,2,n] x) => (float[n,2,1,2,1,3,1,2] y) {
                     y = Transpose<perm = [7, 6, 5, 4, 3, 2, 1, 0]>(x)
                   }""",
                opset=13,
            ),
            runs=[{"x": normal("r8", 2, 1, 3, 1, 2, 1, 2, 3)}],
            profiles=[
                {
                    "x": span(
                        [2, 1, 3, 1, 2, 1, 2, 1], [2, 1, 3, 1, 2, 1, 2, 2], [2, 1, 3, 1, 2, 1, 2, 4]
                    )
                }
            ],
            tolerance=EXACT,
        ),
        Case(
            "all-dynamic",
            "three inputs whose axes are all dynamic and that share names",
            model(
                "g (float[a,b] x, float[b,c] y, float[c] z) => (float[a,c] out) { p = MatMul(x, y)\nout = Add(p, z) }",
                opset=13,
            ),
            runs=[
                {"x": normal("ax", a, b), "y": normal("ay", b, c), "z": normal("az", c)}
                for a, b, c in [(1, 1, 1), (2, 3, 5)]
            ],
            profiles=[
                {
                    "x": span([1, 1], [2, 3], [4, 4]),
                    "y": span([1, 1], [3, 5], [4, 8]),
                    "z": span([1], [5], [8]),
                }
            ],
        ),
    ]


def cases() -> list[Case]:
    return [
        *shapes_from_inputs(),
        *of_tensorrt_alone(more_shapes_from_inputs()),
        *shapes_from_data(),
        *unusual_shapes(),
    ]
