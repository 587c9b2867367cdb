#!/usr/bin/env python3
"""Makes a decoder of 1.1 billion random weights in float16, 2.2 GB of them outside the ONNX file, and writes what PyTorch answers.

The shape is TinyLlama's: RMS norms, rotary positions, grouped-query attention, gated feed-forward. The graph is written node by node and
the weights straight into one file, so that neither an exporter nor memory limits the size. Norms and softmax run in float32, as in
Hugging Face's Llama. The reference is the same network in PyTorch, in float32 with the same float16 weights.

Needs torch, onnx. `--onnxruntime` compares with ONNX Runtime too (slow at full size: its CPU kernels widen every weight).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from model_reference import (
    OPSET,
    batch_sizes,
    default_folder,
    device_description,
    device_named,
    digest,
    exact_float32,
    max_relative_difference,
    write_index,
    write_tensor,
)

# Each weight begins at a page, so that it can be mapped.
ALIGNMENT = 4096
EPSILON = 1e-5
# Large enough that softmax gives exactly 0, small enough for float16.
HIDDEN_SCORE = -10000.0


@dataclass(frozen=True)
class Shape:
    layers: int
    hidden: int
    feed_forward: int
    heads: int
    key_heads: int
    vocabulary: int
    longest: int

    @property
    def head(self) -> int:
        return self.hidden // self.heads


def weight_dims(shape: Shape) -> dict[str, tuple[int, int]]:
    """Names and dims in the order of the file; matrices are [in, out], as MatMul takes them."""
    dims = {"embedding": (shape.vocabulary, shape.hidden)}
    keys = shape.key_heads * shape.head
    for layer in range(shape.layers):
        dims |= {
            f"layers.{layer}.query": (shape.hidden, shape.hidden),
            f"layers.{layer}.key": (shape.hidden, keys),
            f"layers.{layer}.value": (shape.hidden, keys),
            f"layers.{layer}.attention_out": (shape.hidden, shape.hidden),
            f"layers.{layer}.gate": (shape.hidden, shape.feed_forward),
            f"layers.{layer}.up": (shape.hidden, shape.feed_forward),
            f"layers.{layer}.down": (shape.feed_forward, shape.hidden),
        }
    return dims | {"head": (shape.hidden, shape.vocabulary)}


def deviation(name: str, dims: tuple[int, int], layers: int) -> float:
    """Values near 1 everywhere: rows of the embedding are, products keep it, and the 2 x layers branches add up to it."""
    if name == "embedding":
        return 1.0
    branch = name.endswith((".attention_out", ".down"))
    return dims[0] ** -0.5 * ((2 * layers) ** -0.5 if branch else 1.0)


class Weights:
    """float16 matrices in one file, written one after the other and read back as they are needed."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self.path = path
        self.shape = shape
        self.places: dict[str, tuple[int, tuple[int, int]]] = {}
        end = 0
        for name, dims in weight_dims(shape).items():
            self.places[name] = (end, dims)
            end += -(-dims[0] * dims[1] * 2 // ALIGNMENT) * ALIGNMENT

    def count(self) -> int:
        return sum(rows * columns for _, (rows, columns) in self.places.values())

    def write(self, seed: int) -> None:
        random = np.random.Generator(np.random.SFC64(seed))
        with self.path.open("wb") as file:
            for name, (offset, dims) in self.places.items():
                # Uniform between ±sqrt(3) deviations: the deviation of a normal distribution, at a quarter of its time.
                values = random.random(dims, dtype=np.float32)
                values -= np.float32(0.5)
                values *= np.float32(12**0.5 * deviation(name, dims, self.shape.layers))
                file.seek(offset)
                values.astype("<f2").tofile(file)

    def read(self, name: str) -> np.ndarray:
        offset, dims = self.places[name]
        return np.fromfile(self.path, "<f2", dims[0] * dims[1], offset=offset).reshape(dims)

    def initializers(self) -> list[onnx.TensorProto]:
        tensors = []
        for name, (offset, dims) in self.places.items():
            tensor = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=dims)
            tensor.data_location = TensorProto.EXTERNAL
            length = dims[0] * dims[1] * 2
            for key, value in (("location", self.path.name), ("offset", offset), ("length", length)):
                tensor.external_data.add(key=key, value=str(value))
            tensors.append(tensor)
        return tensors


def rotary_table(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines in float16, [longest, head]; the two halves of a head turn by the same angles."""
    frequencies = 10000.0 ** (-np.arange(0, shape.head, 2) / shape.head)
    angles = np.outer(np.arange(shape.longest), np.concatenate([frequencies, frequencies]))
    return np.cos(angles).astype(np.float16), np.sin(angles).astype(np.float16)


def hidden_scores(shape: Shape) -> np.ndarray:
    """[longest, longest]: 0 where a token may look, HIDDEN_SCORE at those after it."""
    return np.triu(np.full((shape.longest, shape.longest), HIDDEN_SCORE, dtype=np.float32), 1)


class Graph:
    """Nodes and small constants, added in order; every method returns the name of what it adds."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, op: str, *inputs: str, name: str | None = None, **attributes: object) -> str:
        name = name or f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(values, name))
        return name

    def integers(self, *values: int) -> str:
        name = "integers_" + "_".join(map(str, values))
        return self.constant(name, np.array(values, dtype=np.int64))

    def cast(self, value: str, to: int) -> str:
        return self.add("Cast", value, to=to)

    def norm(self, value: str) -> str:
        """Without weights: at the start of a training they are 1."""
        wide = self.cast(value, TensorProto.FLOAT)
        mean = self.add("ReduceMean", self.add("Mul", wide, wide), axes=[-1], keepdims=1)
        epsilon = self.constant("epsilon", np.array(EPSILON, dtype=np.float32))
        root = self.add("Sqrt", self.add("Add", mean, epsilon))
        return self.cast(self.add("Div", wide, root), TensorProto.FLOAT16)

    def heads(self, value: str, heads: int) -> str:
        """[batch, seq, heads * head] to [batch, heads, seq, head]"""
        apart = self.add("Reshape", value, self.integers(0, 0, heads, self.shape.head))
        return self.add("Transpose", apart, perm=[0, 2, 1, 3])

    def rotated(self, value: str, cosines: str, sines: str) -> str:
        half = self.shape.head // 2
        first = self.slice(value, 0, half)
        second = self.slice(value, half, 2 * half)
        turned = self.add("Concat", self.add("Neg", second), first, axis=-1)
        return self.add("Add", self.add("Mul", value, cosines), self.add("Mul", turned, sines))

    def slice(self, value: str, start: int, end: int) -> str:
        return self.add(
            "Slice", value, self.integers(start), self.integers(end), self.integers(-1)
        )

    def first_rows(self, table: str, rows: str, axes: tuple[int, ...]) -> str:
        ends = rows if len(axes) == 1 else self.add("Concat", rows, rows, axis=0)
        starts = self.integers(*(0 for _ in axes))
        return self.add("Slice", table, starts, ends, self.integers(*axes))

    def shared(self, value: str) -> str:
        """[batch, key_heads, seq, head] to [batch, heads, seq, head]: each serves several query heads."""
        heads = [i * self.shape.key_heads // self.shape.heads for i in range(self.shape.heads)]
        index = self.constant("key_head_of_head", np.array(heads, dtype=np.int64))
        return self.add("Gather", value, index, axis=1)


def make_graph(shape: Shape, weights: Weights) -> onnx.ModelProto:
    graph = Graph(shape)
    cosine_table, sine_table = rotary_table(shape)
    seq = graph.add("Slice", graph.add("Shape", "input_ids"), *map(graph.integers, (1, 2, 0)))
    cosines = graph.first_rows(graph.constant("cosines", cosine_table), seq, (0,))
    sines = graph.first_rows(graph.constant("sines", sine_table), seq, (0,))
    hidden = graph.first_rows(graph.constant("hidden_scores", hidden_scores(shape)), seq, (0, 1))
    scale = graph.constant("scale", np.array(shape.head**-0.5, dtype=np.float16))

    state = graph.add("Gather", "embedding", "input_ids", axis=0)
    for layer in range(shape.layers):
        of = f"layers.{layer}."
        normed = graph.norm(state)
        query = graph.heads(graph.add("MatMul", normed, of + "query"), shape.heads)
        key = graph.heads(graph.add("MatMul", normed, of + "key"), shape.key_heads)
        value = graph.heads(graph.add("MatMul", normed, of + "value"), shape.key_heads)
        query = graph.add("Mul", graph.rotated(query, cosines, sines), scale)
        key = graph.shared(graph.rotated(key, cosines, sines))
        scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))
        scores = graph.add("Add", graph.cast(scores, TensorProto.FLOAT), hidden)
        shares = graph.cast(graph.add("Softmax", scores, axis=-1), TensorProto.FLOAT16)
        mixed = graph.add("MatMul", shares, graph.shared(value))
        mixed = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = graph.add("Reshape", mixed, graph.integers(0, 0, shape.hidden))
        state = graph.add("Add", state, graph.add("MatMul", mixed, of + "attention_out"))

        normed = graph.norm(state)
        gate = graph.add("MatMul", normed, of + "gate")
        gate = graph.add("Mul", gate, graph.add("Sigmoid", gate))
        gated = graph.add("Mul", gate, graph.add("MatMul", normed, of + "up"))
        state = graph.add("Add", state, graph.add("MatMul", gated, of + "down"))
    last = graph.add("Slice", state, *map(graph.integers, (-1, 2**31 - 1, 1)))
    last = graph.add("Squeeze", last, graph.integers(1))
    half = graph.add("MatMul", graph.norm(last), "head")
    graph.add("Cast", half, name="logits", to=TensorProto.FLOAT)

    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "seq"])
    logits = helper.make_tensor_value_info(
        "logits", TensorProto.FLOAT, ["batch", shape.vocabulary]
    )
    body = helper.make_graph(
        graph.nodes,
        "decoder",
        [ids],
        [logits],
        [*graph.constants.values(), *weights.initializers()],
    )
    # Opset 17 came with IR version 8; a newer one would keep older readers out.
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(body, opset_imports=opset, ir_version=8, producer_name="trt-node")


class Reference:
    """The same network in PyTorch, one layer's weights at a time."""

    def __init__(self, shape: Shape, weights: Weights, device: str, dtype: torch.dtype) -> None:
        self.shape, self.weights, self.device, self.dtype = shape, weights, device, dtype
        self.rotary = [torch.from_numpy(table).to(device, dtype) for table in rotary_table(shape)]
        self.hidden = torch.from_numpy(hidden_scores(shape)).to(device)
        self.loaded: dict[str, torch.Tensor] = {}

    def weight(self, name: str) -> torch.Tensor:
        if name not in self.loaded:
            values = torch.from_numpy(self.weights.read(name))
            self.loaded[name] = values.to(self.device).to(self.dtype)
        return self.loaded[name]

    def norm(self, value: torch.Tensor) -> torch.Tensor:
        wide = value.float()
        return (wide / (wide.square().mean(-1, keepdim=True) + EPSILON).sqrt()).to(self.dtype)

    def heads(self, value: torch.Tensor, heads: int) -> torch.Tensor:
        return value.unflatten(-1, (heads, self.shape.head)).transpose(1, 2)

    def rotated(self, value: torch.Tensor) -> torch.Tensor:
        cosines, sines = (table[: value.shape[2]] for table in self.rotary)
        first, second = value.chunk(2, dim=-1)
        return value * cosines + torch.cat([-second, first], dim=-1) * sines

    def attention(self, normed: torch.Tensor, of: str) -> torch.Tensor:
        shape = self.shape
        group = shape.heads // shape.key_heads
        query = self.rotated(self.heads(normed @ self.weight(of + "query"), shape.heads))
        key = self.rotated(self.heads(normed @ self.weight(of + "key"), shape.key_heads))
        value = self.heads(normed @ self.weight(of + "value"), shape.key_heads)
        key, value = (each.repeat_interleave(group, dim=1) for each in (key, value))
        scores = (query * shape.head**-0.5) @ key.transpose(2, 3)
        seq = scores.shape[-1]
        shares = (scores.float() + self.hidden[:seq, :seq]).softmax(-1).to(self.dtype)
        return (shares @ value).transpose(1, 2).flatten(2) @ self.weight(of + "attention_out")

    def feed_forward(self, normed: torch.Tensor, of: str) -> torch.Tensor:
        gate = normed @ self.weight(of + "gate")
        return (gate * gate.sigmoid() * (normed @ self.weight(of + "up"))) @ self.weight(of + "down")

    @torch.no_grad()
    def logits(self, ids: list[np.ndarray]) -> list[np.ndarray]:
        embedding = self.weight("embedding")
        states = [embedding[torch.from_numpy(each).to(self.device)] for each in ids]
        del embedding
        for layer in range(self.shape.layers):
            self.loaded.clear()
            of = f"layers.{layer}."
            states = [state + self.attention(self.norm(state), of) for state in states]
            states = [state + self.feed_forward(self.norm(state), of) for state in states]
        head = self.weight("head")
        return [(self.norm(state[:, -1]) @ head).float().cpu().numpy() for state in states]


def by_onnxruntime(path: Path, ids: list[np.ndarray], reference: np.ndarray) -> dict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = [session.run(["logits"], {"input_ids": each})[0] for each in ids]
    difference = max_relative_difference(np.concatenate(found), reference)
    if not difference < 1e-2:
        raise SystemExit(f"ONNX Runtime's logits differ from PyTorch's by {difference:.3g} of the largest")
    return {"version": onnxruntime.__version__, "maxRelativeDifference": difference}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=default_folder("decoder"), help="folder to write to")
    parser.add_argument("--layers", type=int, default=22)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--feed-forward", type=int, default=5632)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--key-heads", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--longest", type=int, default=512, help="most tokens of a prompt")
    parser.add_argument("--prompts", default="1,7,64", help="lengths of the reference prompts")
    parser.add_argument("--batch", type=int, default=2, help="prompts of each length")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: cuda where it is")
    parser.add_argument("--onnxruntime", action="store_true", help="compare with ONNX Runtime too")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    device = device_named(arguments.device)
    exact_float32()

    shape = Shape(**{name: getattr(arguments, name) for name in Shape.__dataclass_fields__})
    path = out / "decoder.onnx"
    weights = Weights(out / "decoder.onnx.data", shape)
    weights.write(arguments.seed)
    onnx.save_model(make_graph(shape, weights), str(path))
    onnx.checker.check_model(str(path))

    random = np.random.default_rng(arguments.seed)
    lengths = batch_sizes(arguments.prompts)
    ids = [random.integers(0, shape.vocabulary, (arguments.batch, length)) for length in lengths]
    logits = Reference(shape, weights, device, torch.float32).logits(ids)
    half = Reference(shape, weights, device, torch.float16).logits(ids)
    rows = np.concatenate(logits)
    if not np.isfinite(rows).all():
        raise SystemExit("expected finite logits but found infinities or NaN")

    index = {
        "model": digest(path),
        "externalData": digest(weights.path),
        "parameters": weights.count(),
        "shape": asdict(shape),
        "cases": [
            {
                "inputs": {"input_ids": write_tensor(out, f"ids-{number}.bin", "int64", each)},
                "outputs": {"logits": write_tensor(out, f"logits-{number}.bin", "float32", answer)},
            }
            for number, (each, answer) in enumerate(zip(ids, logits))
        ],
        "seed": arguments.seed,
        "maxLogit": float(np.abs(rows).max()),
        "pytorch": {
            "version": torch.__version__,
            "device": device_description(device),
            "float16AgainstFloat32": max_relative_difference(np.concatenate(half), rows),
        },
        "onnxruntime": by_onnxruntime(path, ids, rows) if arguments.onnxruntime else None,
    }
    write_index(out, index, ["numpy", "onnx", "torch"])


if __name__ == "__main__":
    main()
