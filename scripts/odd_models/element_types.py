"""Element types at the edge of a model: mixed, narrow, and those that TensorRT does not have."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from .case import (
    BFLOAT16,
    BUILDS,
    EXACT,
    FLOAT16,
    Case,
    Expectation,
    booleans,
    differs,
    integers,
    model,
    normal,
    span,
    unsupported,
)


def several_types() -> Case:
    def run(rows: int) -> dict[str, np.ndarray]:
        return {
            "f": normal(f"f{rows}", rows, 3),
            "i": integers(f"i{rows}", -100, 100, rows, 3),
            "k": integers(f"k{rows}", -100, 100, rows, 3, dtype=np.int32),
            "b": booleans(f"b{rows}", rows, 3),
            "u": integers(f"u{rows}", 0, 255, rows, 3, dtype=np.uint8),
            "h": normal(f"h{rows}", rows, 3, dtype=np.float16),
        }

    return Case(
        "several-types",
        "six inputs of six types, three outputs of three",
        model(
            """g (float[n,3] f, int64[n,3] i, int32[n,3] k, bool[n,3] b, uint8[n,3] u, float16[n,3] h)
                 => (float[n,3] sum, int64[n,3] chosen, bool[n,3] both) {
                 i_float = Cast<to = 1>(i)
                 u_float = Cast<to = 1>(u)
                 h_float = Cast<to = 1>(h)
                 fi = Add(f, i_float)
                 uh = Add(u_float, h_float)
                 sum = Add(fi, uh)
                 k_long = Cast<to = 7>(k)
                 chosen = Where(b, i, k_long)
                 zero = Constant<value_float: float = 0.0>()
                 positive = Greater(f, zero)
                 both = And(b, positive)
               }"""
        ),
        runs=[run(1), run(5)],
        profiles=[{name: span([1, 3], [4, 3], [8, 3]) for name in "fikbuh"}],
    )


def float16_io() -> Case:
    return Case(
        "float16-io",
        "float16 in, float16 weights, float16 out",
        model(
            """g (float16[n,8] x) => (float16[n,4] y) {
                 z = Gemm(x, w, b)
                 y = Relu(z)
               }""",
            opset=13,
            weights={
                "w": normal("hw", 8, 4, dtype=np.float16),
                "b": normal("hb", 4, dtype=np.float16),
            },
        ),
        runs=[{"x": normal("hx", 3, 8, dtype=np.float16)}],
        profiles=[{"x": span([1, 8], [2, 8], [4, 8])}],
        tolerance=FLOAT16,
    )


def bfloat16_io() -> Case:
    return Case(
        "bfloat16-io",
        "bfloat16 in and out; ONNX Runtime's CPU multiplies no bfloat16, so the product is float32",
        model(
            """g (bfloat16[2,8] x) => (bfloat16[2,4] y) {
                 f = Cast<to = 1>(x)
                 z = MatMul(f, w)
                 y = Cast<to = 16>(z)
               }""",
            weights={"w": normal("bw", 8, 4)},
        ),
        runs=[{"x": normal("bx", 2, 8, dtype=ml_dtypes.bfloat16)}],
        tolerance=BFLOAT16,
    )


def uint8_image() -> Case:
    return Case(
        "uint8-image",
        "pixels as they come: uint8, channels last, normalised inside of the model",
        model(
            """g (uint8[batch,6,6,3] pixels) => (float[batch,4,6,6] features) {
                 f = Cast<to = 1>(pixels)
                 centred = Sub(f, mean)
                 scaled = Div(centred, deviation)
                 planes = Transpose<perm = [0, 3, 1, 2]>(scaled)
                 features = Conv<pads = [1, 1, 1, 1]>(planes, kernel)
               }""",
            opset=16,
            weights={
                "mean": np.float32([123.5, 116.25, 103.5]),
                "deviation": np.float32([58.5, 57.0, 57.5]),
                "kernel": normal("image", 4, 3, 3, 3, scale=0.25),
            },
        ),
        runs=[{"pixels": integers("pixels", 0, 255, 2, 6, 6, 3, dtype=np.uint8)}],
        profiles=[{"pixels": span([1, 6, 6, 3], [2, 6, 6, 3], [4, 6, 6, 3])}],
    )


def arithmetic(name: str, onnx_type: str, dtype: type, large: int) -> Case:
    a = np.array([7, -7, 7, -7, 0, large, -large, 1], dtype)
    b = np.array([2, 2, -2, -2, 5, 3, 3, large], dtype)
    # A remainder of large numbers is a case of its own, below.
    c = np.array([7, -7, 7, -7, 0, 2**24 - 1, 1 - 2**24, 1], dtype)
    return Case(
        name,
        f"{onnx_type}: division towards zero, remainders of negative numbers, values that no float holds",
        model(
            f"""g ({onnx_type}[8] a, {onnx_type}[8] b, {onnx_type}[8] c)
                 => ({onnx_type}[8] sum, {onnx_type}[8] difference, {onnx_type}[8] product, {onnx_type}[8] quotient,
                     {onnx_type}[8] remainder, {onnx_type}[8] least, {onnx_type}[8] most, {onnx_type}[8] distance) {{
                 sum = Add(a, b)
                 difference = Sub(a, b)
                 two = Constant<value = {onnx_type}[1] {{2}}>()
                 product = Mul(a, two)
                 quotient = Div(a, b)
                 remainder = Mod(c, b)
                 least = Min(a, b)
                 most = Max(a, b)
                 negative = Neg(difference)
                 distance = Abs(negative)
               }}""",
            opset=14,
        ),
        runs=[{"a": a, "b": b, "c": c}],
        tolerance=EXACT,
    )


def remainder(
    onnx_type: str, what: str, numbers: np.ndarray, expectation: Expectation = BUILDS
) -> Case:
    size = len(numbers)
    return Case(
        f"{onnx_type}-remainder",
        f"{onnx_type}: remainders of {what}",
        model(
            f"g ({onnx_type}[{size}] a, {onnx_type}[{size}] b) => ({onnx_type}[{size}] y) {{ y = Mod(a, b) }}",
            opset=14,
        ),
        runs=[{"a": numbers, "b": np.full_like(numbers, 3)}],
        tolerance=EXACT,
        tensorrt=expectation,
    )


def remainders() -> list[Case]:
    far = 2**53 + 1
    return [
        remainder(
            "int32",
            "numbers whose quotient no float32 holds",
            np.int32([2**31 - 1, 1 - 2**31, 2**30 + 1, -(2**30)]),
            differs(
                "10.6",
                "it rounds the quotient to the 24 bits of a float32 and takes the remainder from there: -65 instead of 1",
                # (2^31 - 1) / 3 is 715827882.3; the next float32 is 715827904.
                {"y": np.int32([-65, 65, -31, 32])},
            ),
        ),
        remainder(
            "int64",
            "numbers that no float64 holds",
            np.int64([far, -far]),
            differs(
                "10.6",
                "it rounds the quotient to the 24 bits of a float32 and takes the remainder from there: -268435455 and 268435455 instead of 0",
                # far / 3 is 3002399751580331; as a float32, 3002399841058816.
                {"y": np.int64([-268435455, 268435455])},
            ),
        ),
    ]


def bool_outputs() -> Case:
    nan, inf = np.nan, np.inf
    return Case(
        "bool-outputs",
        "comparisons and logic, with NaN and infinities among the numbers",
        model(
            """g (float[8] a, float[8] b, bool[8] p)
                 => (bool[8] less, bool[8] same, bool[8] atleast, bool[8] nan, bool[8] odd, bool[8] none) {
                 less = Less(a, b)
                 same = Equal(a, b)
                 atleast = GreaterOrEqual(a, b)
                 nan = IsNaN(a)
                 odd = Xor(less, p)
                 either = Or(less, p)
                 none = Not(either)
               }""",
            opset=16,
        ),
        runs=[
            {
                "a": np.float32([1, 2, nan, inf, -inf, 0, -0.0, 5]),
                "b": np.float32([2, 1, nan, inf, inf, -0.0, 1, nan]),
                "p": np.array([0, 1, 0, 1, 0, 1, 0, 1], bool),
            }
        ],
        tolerance=EXACT,
    )


def cases() -> list[Case]:
    return [
        several_types(),
        float16_io(),
        bfloat16_io(),
        uint8_image(),
        arithmetic("int32-arithmetic", "int32", np.int32, 2**24 + 1),
        arithmetic("int64-arithmetic", "int64", np.int64, 2**53 + 1),
        *remainders(),
        bool_outputs(),
        Case(
            "float64-input",
            "float64 at the edge of the model: TensorRT has none, and its parser makes float32 of it",
            model("g (double[2] x) => (double[2] y) { y = Add(x, x) }"),
            runs=[{"x": np.float64([1.5, -0.1])}],
        ),
        unsupported(
            "uint32-input",
            "uint32 at the edge of the model",
            "TensorRT has no uint32: use int32 or int64",
            "g (uint32[2] x) => (uint32[2] y) { y = Identity(x) }",
        ),
        unsupported(
            "string-input",
            "strings at the edge of the model",
            "TensorRT has no strings: tokenize outside of the model",
            "g (string[2] x) => (string[2] y) { y = Identity(x) }",
        ),
    ]
