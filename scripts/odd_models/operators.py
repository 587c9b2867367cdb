"""Operators that exporters write and parsers stumble over, in opsets 13 to 22."""

from __future__ import annotations

import numpy as np

from .case import EXACT, Case, differs, integers, model, normal, of_tensorrt_alone, span

DIM = 8


def attention() -> Case:
    weights = {name: normal(f"att{name}", DIM, DIM, scale=0.5) for name in ("wq", "wk", "wv", "wo")}
    weights |= {
        "table": normal("table", 16, DIM),
        "gain": normal("gain", DIM),
        "bias": normal("bias", DIM),
    }

    def run(*lengths: int) -> dict[str, np.ndarray]:
        longest = max(lengths)
        mask = np.array([[int(i < length) for i in range(longest)] for length in lengths], np.int64)
        return {"ids": integers(f"ids{lengths}", 0, 15, len(lengths), longest) * mask, "mask": mask}

    def heads(name: str, weight: str) -> str:
        return f"""
          {name}_all = MatMul(e, {weight})
          {name}_split = Reshape({name}_all, split)
          {name} = Transpose<perm = [0, 2, 1, 3]>({name}_split)"""

    return Case(
        "attention",
        "embedding, two heads, mask, layer norm and mean: int64 ids, dynamic batch and length",
        model(
            f"""g (int64[batch,seq] ids, int64[batch,seq] mask) => (float[batch,seq,{DIM}] hidden, float[batch,{DIM}] pooled)
                {{
                  e = Gather(table, ids)
                  split = Constant<value_ints = [0, 0, 2, {DIM // 2}]>()
                  {heads("q", "wq")}{heads("k", "wk")}{heads("v", "wv")}
                  k_t = Transpose<perm = [0, 1, 3, 2]>(k)
                  products = MatMul(q, k_t)
                  scale = Constant<value_float: float = 0.5>()
                  scaled = Mul(products, scale)
                  axes = Constant<value_ints = [1, 2]>()
                  mask_4 = Unsqueeze(mask, axes)
                  mask_float = Cast<to = 1>(mask_4)
                  one = Constant<value_float: float = 1.0>()
                  away = Sub(one, mask_float)
                  lowest = Constant<value_float: float = -3.4028234663852886e+38>()
                  penalty = Mul(away, lowest)
                  masked = Add(scaled, penalty)
                  weights = Softmax<axis = -1>(masked)
                  mixed = MatMul(weights, v)
                  joined = Transpose<perm = [0, 2, 1, 3]>(mixed)
                  whole = Constant<value_ints = [0, 0, {DIM}]>()
                  flat = Reshape(joined, whole)
                  projected = MatMul(flat, wo)
                  residual = Add(e, projected)
                  hidden = LayerNormalization<axis = -1, epsilon = 1e-5>(residual, gain, bias)
                  last = Constant<value_ints = [2]>()
                  mask_3 = Unsqueeze(mask, last)
                  mask_f = Cast<to = 1>(mask_3)
                  kept = Mul(hidden, mask_f)
                  along = Constant<value_ints = [1]>()
                  total = ReduceSum<keepdims = 0>(kept, along)
                  count = ReduceSum<keepdims = 0>(mask_f, along)
                  pooled = Div(total, count)
                }}""",
            weights=weights,
        ),
        runs=[run(1), run(3, 5), run(7, 2, 7, 1)],
        profiles=[{name: span([1, 1], [2, 5], [4, 8]) for name in ("ids", "mask")}],
    )


def indexing() -> list[Case]:
    return [
        Case(
            "scatter",
            "ScatterND and ScatterElements, negative indices too",
            model(
                """g (float[4,3] x, float[2,3] rows, int64[2,2] at, float[2,2] updates) => (float[4,3] a, float[4,3] b)
                   <int64[2,1] where = {3, 1}> {
                     a = ScatterND(x, where, rows)
                     b = ScatterElements<axis = 0>(x, at, updates)
                   }""",
                opset=13,
            ),
            runs=[
                {
                    "x": normal("sc", 4, 3),
                    "rows": normal("sr", 2, 3),
                    "at": np.int64([[0, -1], [2, 1]]),
                    "updates": normal("su", 2, 2),
                }
            ],
            tolerance=EXACT,
        ),
        Case(
            "gather",
            "GatherElements, GatherND and Gather by a scalar",
            model(
                """g (float[3,4] x, int64[3,2] at, int64[2,2] nd, int64 row) => (float[3,2] a, float[2] b, float[4] c) {
                     a = GatherElements<axis = 1>(x, at)
                     b = GatherND(x, nd)
                     c = Gather(x, row)
                   }""",
                opset=13,
            ),
            runs=[
                {
                    "x": normal("ga", 3, 4),
                    "at": np.int64([[0, 3], [1, 1], [2, 0]]),
                    "nd": np.int64([[0, 1], [2, 3]]),
                    "row": np.int64(2),
                }
            ],
            tolerance=EXACT,
        ),
        Case(
            "cumulative-sum",
            "CumSum: forwards, and backwards without the element itself",
            model(
                """g (float[3,5] x) => (float[3,5] a, float[3,5] b)
                   <int64 last = {1}, int64 first = {0}> {
                     a = CumSum(x, last)
                     b = CumSum<exclusive = 1, reverse = 1>(x, first)
                   }""",
                opset=14,
            ),
            runs=[{"x": normal("cs", 3, 5)}],
        ),
        Case(
            "padding",
            "Pad: constant, reflect and edge",
            model(
                """g (float[3,4] x) => (float[5,5] a, float[3,8] b, float[5,4] c)
                   <int64[4] around = {1, 0, 1, 1}, int64[4] sides = {0, 2, 0, 2}, int64[4] ends = {1, 0, 1, 0}, float fill = {-1.5}> {
                     a = Pad(x, around, fill)
                     b = Pad<mode = "reflect">(x, sides)
                     c = Pad<mode = "edge">(x, ends)
                   }""",
                opset=18,
            ),
            runs=[{"x": normal("pad", 3, 4)}],
            tolerance=EXACT,
        ),
        Case(
            "layout",
            "slices with steps, splits of unequal parts, depth to space, triangles, one-hot",
            model(
                """g (float[1,4,2,3] x, int64[3] labels)
                     => (float[1,4,2,2] a, float[1,1,2,3] b, float[1,3,2,3] c, float[1,1,4,6] d, float[1,4,2,3] e, float[3,5] f)
                   <int64[1] from = {-1}, int64[1] to = {-4}, int64[1] axis = {3}, int64[1] step = {-2}, int64[2] parts = {1, 3},
                    int64 depth = {5}, float[2] off_on = {0.0, 1.0}> {
                     a = Slice(x, from, to, axis, step)
                     b, c = Split<axis = 1>(x, parts)
                     d = DepthToSpace<blocksize = 2, mode = "CRD">(x)
                     e = Trilu<upper = 0>(x)
                     f = OneHot(labels, depth, off_on)
                   }""",
                opset=14,
            ),
            runs=[{"x": normal("layout", 1, 4, 2, 3), "labels": np.int64([0, 4, 2])}],
            tolerance=EXACT,
        ),
    ]


# ONNX's defaults, to the last bit of a float32.
SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875


def selu_defaults() -> Case:
    x = np.float32([-8, -4, -2, -1, -0.5, 0, 0.5, 1])
    # The importer of Selu in onnx-tensorrt has these two as its defaults.
    rounded = 1.0507 * np.where(x > 0, x, 1.6732 * np.expm1(x))
    return Case(
        "selu-defaults",
        "Selu without its attributes, as PyTorch writes it",
        model("g (float[8] x) => (float[8] y) { y = Selu(x) }", opset=20),
        runs=[{"x": x}],
        tensorrt=differs(
            "10.6",
            "its parser's alpha and gamma are 1.6732 and 1.0507 instead of 1.6732632 and 1.050701: answers are off by 4e-5",
            {"y": rounded.astype(np.float32)},
        ),
    )


def log_sum_exp() -> list[Case]:
    x = normal("lse", 2, 3, 4)
    whole = np.log(np.sum(np.exp(x), dtype=np.float32))
    return [
        Case(
            "reduction-log-sum-exp-13",
            "ReduceLogSumExp of opset 13: its axes are an attribute",
            model(
                "g (float[2,3,4] x) => (float[3,4] y) { y = ReduceLogSumExp<axes = [0], keepdims = 0>(x) }",
                opset=13,
            ),
            runs=[{"x": x}],
        ),
        Case(
            "reduction-log-sum-exp-18",
            "ReduceLogSumExp of opset 18: its axes are an input",
            model(
                "g (float[2,3,4] x) => (float[3,4] y) <int64[1] first = {0}> { y = ReduceLogSumExp<keepdims = 0>(x, first) }",
                opset=18,
            ),
            runs=[{"x": x}],
            tensorrt=differs(
                "10.6",
                "its parser overlooks the axes and reduces all of them: a scalar instead of [3, 4]",
                {"y": np.float32(whole)},
            ),
        ),
    ]


def elementwise() -> list[Case]:
    unary = {
        "elu": "Elu<alpha = 0.5>", "celu": "Celu", "selu": f"Selu<alpha = {SELU_ALPHA}, gamma = {SELU_GAMMA}>", "leaky": "LeakyRelu<alpha = 0.1>", "hard": "HardSwish",
        "soft": "Softplus", "sign": "Softsign", "erf": "Erf", "gelu": "Gelu<approximate = \"tanh\">", "mish": "Mish", "round": "Round",
    }  # fmt: skip
    outputs = ", ".join(f"float[2,6] {name}" for name in unary)
    nodes = "\n".join(f"{name} = {op}(x)" for name, op in unary.items())
    return [
        Case(
            "activations",
            "eleven activations, opset 20",
            model(f"g (float[2,6] x) => ({outputs}) {{ {nodes} }}", opset=20),
            runs=[{"x": normal("activations", 2, 6, scale=2.0)}],
        ),
        selu_defaults(),
        Case(
            "clip",
            "Clip without its minimum, without its maximum, and with neither",
            model(
                """g (float[6] x) => (float[6] a, float[6] b, float[6] c)
                   <float low = {-1.0}, float high = {1.0}> {
                     a = Clip(x, , high)
                     b = Clip(x, low)
                     c = Clip(x)
                   }""",
                opset=13,
            ),
            runs=[{"x": np.float32([-5, -1, -0.5, 0.5, 1, 5])}],
            tolerance=EXACT,
        ),
        Case(
            "softmax-axes",
            "Softmax over the first and the middle axis, LogSoftmax over the last",
            model(
                """g (float[2,n,3] x) => (float[2,n,3] a, float[2,n,3] b, float[2,n,3] c) {
                     a = Softmax<axis = 0>(x)
                     b = Softmax<axis = 1>(x)
                     c = LogSoftmax(x)
                   }""",
                opset=13,
            ),
            runs=[{"x": normal("softmax", 2, 4, 3)}],
            profiles=[{"x": span([2, 1, 3], [2, 4, 3], [2, 8, 3])}],
        ),
        Case(
            "reductions",
            "reductions over no, one, two and all axes, which are an input in opset 18",
            model(
                """g (float[2,3,4] x) => (float[2,1,4] a, float b, float[2,3] c, float[3,4] d, float[2,3,4] e, float[1,1,4] f, float[3] g)
                   <int64[1] middle = {1}, int64[1] last = {-1}, int64[1] first = {0}, int64[2] two = {0, 1}, int64[2] outer = {-1, 0},
                    int64[0] none> {
                     a = ReduceMean(x, middle)
                     b = ReduceMax<keepdims = 0>(x)
                     c = ReduceL2<keepdims = 0>(x, last)
                     d = ReduceL1<keepdims = 0>(x, first)
                     e = ReduceSum<noop_with_empty_axes = 1>(x, none)
                     f = ReduceSumSquare(x, two)
                     g = ReduceMin<keepdims = 0>(x, outer)
                   }""",
                opset=18,
                weights={"none": np.zeros(0, np.int64)},
            ),
            runs=[{"x": normal("reduce", 2, 3, 4)}],
        ),
        *log_sum_exp(),
        Case(
            "einsum",
            "Einsum: a batched product, a trace of axes, an outer product",
            model(
                """g (float[2,3,4] x, float[2,4,5] y) => (float[2,3,5] a, float[3,2] b, float[2,2] c) {
                     a = Einsum<equation = "bij,bjk->bik">(x, y)
                     b = Einsum<equation = "bij->ib">(x)
                     c = Einsum<equation = "aij,bjk->ab">(x, y)
                   }""",
                opset=13,
            ),
            runs=[{"x": normal("ex", 2, 3, 4), "y": normal("ey", 2, 4, 5)}],
        ),
    ]


def cases() -> list[Case]:
    return [attention(), *of_tensorrt_alone([*indexing(), *elementwise()])]
