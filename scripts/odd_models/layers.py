"""Recurrent layers, normalizations, convolutions and pools."""

from __future__ import annotations

import numpy as np

from .case import Case, Tolerance, fails, model, normal, of_tensorrt_alone, span


def recurrent(op: str, gates: int, outputs: str, arguments: str, attributes: str) -> Case:
    hidden, size = 4, 3
    return Case(
        op.lower(),
        f"{op}, both directions, with optional inputs left out",
        model(
            f"""g (float[5,batch,{size}] x) => (float[5,2,batch,{hidden}] y, float[2,batch,{hidden}] last) {{
                  {outputs} = {op}<hidden_size = {hidden}, direction = "bidirectional"{attributes}>({arguments})
                }}""",
            opset=14,
            weights={
                "w": normal(f"{op}w", 2, gates * hidden, size, scale=0.5),
                "r": normal(f"{op}r", 2, gates * hidden, hidden, scale=0.5),
                "b": normal(f"{op}b", 2, 2 * gates * hidden, scale=0.5),
            },
        ),
        runs=[{"x": normal(f"{op}x", 5, 2, size)}],
        profiles=[{"x": span([5, 1, size], [5, 2, size], [5, 4, size])}],
    )


def normalizations() -> list[Case]:
    x = {"x": normal("norm", 2, 4, 3, 3)}
    affine = {"scale": normal("ns", 4), "bias": normal("nb", 4)}
    dims = "float[2,4,3,3]"
    return [
        Case(
            "layer-normalization",
            "LayerNormalization over the last two axes, without its bias",
            model(
                f"g ({dims} x) => ({dims} y) {{ y = LayerNormalization<axis = -2>(x, scale) }}",
                weights={"scale": normal("ln", 3, 3)},
            ),
            runs=[x],
        ),
        Case(
            "group-normalization-18",
            "GroupNormalization of opset 18: a scale per group",
            model(
                f"g ({dims} x) => ({dims} y) {{ y = GroupNormalization<num_groups = 2>(x, scale, bias) }}",
                opset=18,
                weights={"scale": normal("gs", 2), "bias": normal("gb", 2)},
                # The checker knows the later version alone; exporters wrote this one, and parsers read it.
                check=False,
            ),
            runs=[x],
        ),
        Case(
            "group-normalization-21",
            "GroupNormalization of opset 21: a scale per channel",
            model(
                f"g ({dims} x) => ({dims} y) {{ y = GroupNormalization<num_groups = 2>(x, scale, bias) }}",
                opset=21,
                weights=affine,
            ),
            runs=[x],
            tensorrt=fails(
                "ERR_TRT_BUILD_FAILED",
                reason="TensorRT 10.6 has GroupNormalization as opset 18 defines it, with a scale per group",
            ),
        ),
        Case(
            "instance-normalization",
            "InstanceNormalization, then BatchNormalization",
            model(
                f"""g ({dims} x) => ({dims} y) {{
                      z = InstanceNormalization(x, scale, bias)
                      y = BatchNormalization(z, scale, bias, mean, variance)
                    }}""",
                opset=15,
                weights={
                    **affine,
                    "mean": normal("bm", 4),
                    "variance": np.float32([0.5, 1, 1.5, 2]),
                },
            ),
            runs=[x],
        ),
    ]


def convolutions() -> list[Case]:
    return [
        Case(
            "convolution-1d",
            "one axis, groups, dilation, uneven padding",
            model(
                "g (float[n,4,9] x) => (float[n,4,m] y) { y = Conv<group = 2, dilations = [2], pads = [1, 2], strides = [2]>(x, w, b) }",
                opset=22,
                weights={"w": normal("c1", 4, 2, 3), "b": normal("c1b", 4)},
            ),
            runs=[{"x": normal("c1x", 2, 4, 9)}],
            profiles=[{"x": span([1, 4, 9], [2, 4, 9], [4, 4, 9])}],
        ),
        Case(
            "convolution-3d",
            "three axes, then pooling",
            model(
                """g (float[1,2,4,4,4] x) => (float[1,3,2,2,2] y) {
                     z = Conv<auto_pad = "SAME_UPPER">(x, w)
                     y = MaxPool<kernel_shape = [2, 2, 2], strides = [2, 2, 2]>(z)
                   }""",
                opset=13,
                weights={"w": normal("c3", 3, 2, 2, 2, 2)},
            ),
            runs=[{"x": normal("c3x", 1, 2, 4, 4, 4)}],
        ),
        Case(
            "convolution-transposed",
            "ConvTranspose with output padding",
            model(
                """g (float[1,3,4,4] x) => (float[1,2,8,8] y) {
                     y = ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]>(x, w, b)
                   }""",
                opset=13,
                weights={"w": normal("ct", 3, 2, 3, 3), "b": normal("ctb", 2)},
            ),
            runs=[{"x": normal("ctx", 1, 3, 4, 4)}],
        ),
        Case(
            "pooling",
            "pools that round up, count padding, and reduce everything",
            model(
                """g (float[1,2,5,5] x) => (float[1,2,3,3] a, float[1,2,3,3] b, float[1,2,1,1] c) {
                     a = AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x)
                     b = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(x)
                     c = GlobalAveragePool(x)
                   }""",
                opset=19,
            ),
            runs=[{"x": normal("pool", 1, 2, 5, 5)}],
        ),
        Case(
            "resize",
            "Resize: nearest and linear, by scales and by sizes",
            model(
                """g (float[1,2,4,4] x) => (float[1,2,8,8] a, float[1,2,6,6] b, float[1,2,3,7] c)
                   <float[4] twice = {1.0, 1.0, 2.0, 2.0}, int64[4] six = {1, 2, 6, 6}, int64[4] odd = {1, 2, 3, 7}> {
                     a = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">(x, , twice)
                     b = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(x, , , six)
                     c = Resize<mode = "linear", coordinate_transformation_mode = "align_corners">(x, , , odd)
                   }""",
                opset=18,
            ),
            runs=[{"x": normal("resize", 1, 2, 4, 4)}],
        ),
        Case(
            "grid-sample",
            "GridSample, partly outside of the image",
            model(
                'g (float[1,2,4,4] x, float[1,3,3,2] grid) => (float[1,2,3,3] y) { y = GridSample<padding_mode = "border">(x, grid) }',
                opset=16,
            ),
            runs=[{"x": normal("gs", 1, 2, 4, 4), "grid": normal("grid", 1, 3, 3, 2)}],
            tolerance=Tolerance(
                1e-4, 1e-5, "positions between pixels are computed in float32, then subtracted"
            ),
        ),
    ]


def cases() -> list[Case]:
    return of_tensorrt_alone(
        [
            recurrent("LSTM", 4, "y, last, cell", "x, w, r, b, , , ", ""),
            recurrent("GRU", 3, "y, last", "x, w, r, b", ", linear_before_reset = 1"),
            *normalizations(),
            *convolutions(),
        ]
    )
