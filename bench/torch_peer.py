"""PyTorch as the peer of trt-node: torchvision's resnet50 in float16 at batch 1, one JSON line a request on stdin, one a response on file
descriptor 3.

    {"op": "load", "device": 0}
    {"op": "run", "mode": "eager" | "graph" | "compile", "warmUps": 50, "iterations": 500}
    {"op": "quit"}

As a careful user writes it: inference mode, cuDNN's own search for the best kernels, page-locked arrays on both sides, one copy each way,
one synchronize. The input is half precision already, so that PyTorch copies half of what trt-node's float32 input is. `eager` and `graph`
run in both memory layouts, and the faster one counts; `compile` is torch.compile in its mode "reduce-overhead" (with CUDA graphs) unless
TORCH_PEER_COMPILE_MODE names another.
"""

from __future__ import annotations

import os
import statistics
from time import perf_counter_ns

import torch
import torchvision

from peer_requests import serve

COMPILE_MODE = os.environ.get("TORCH_PEER_COMPILE_MODE", "reduce-overhead")
LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


class Model:
    """resnet50 in one layout, with its arrays: what is timed is `call`."""

    def __init__(self, layout: str) -> None:
        memory_format = LAYOUTS[layout]
        torch.manual_seed(1)
        # Random weights: the time does not depend on them.
        model = torchvision.models.resnet50(weights=None).eval().half().cuda()
        self.model = model.to(memory_format=memory_format)
        self.host_in = torch.rand(1, 3, 224, 224).half().to(memory_format=memory_format).pin_memory()
        self.image = self.host_in.cuda().to(memory_format=memory_format)
        self.host_out = torch.empty(1, 1000, dtype=torch.float16, pin_memory=True)
        self.run = {"eager": self.model}

    def graph(self) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self.model(self.image)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = self.model(self.image)

        def replay(_):
            graph.replay()
            return logits

        self.run["graph"] = replay

    def compile(self) -> None:
        self.run["compile"] = torch.compile(self.model, mode=COMPILE_MODE)

    def measure(self, mode: str, warm_ups: int, iterations: int) -> dict:
        run = self.run[mode]
        for _ in range(warm_ups):
            self.once(run)
        wall = []
        for _ in range(iterations):
            start = perf_counter_ns()
            self.once(run)
            wall.append((perf_counter_ns() - start) / 1000)
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        compute = []
        for _ in range(iterations):
            start.record()
            run(self.image)
            end.record()
            end.synchronize()
            compute.append(start.elapsed_time(end) * 1000)
        return {"wall": [round(t, 2) for t in wall], "compute": [round(t, 2) for t in compute]}

    def once(self, run) -> None:
        self.image.copy_(self.host_in, non_blocking=True)
        self.host_out.copy_(run(self.image), non_blocking=True)
        torch.cuda.synchronize()


class Peer:
    def __init__(self, device: int) -> None:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        self.models = {layout: Model(layout) for layout in LAYOUTS}
        self.best: dict[str, str] = {}

    def about(self) -> dict:
        return {
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "compileMode": COMPILE_MODE,
        }

    def run(self, request: dict) -> dict:
        mode, warm_ups, iterations = request["mode"], request["warmUps"], request["iterations"]
        if mode not in self.best:
            self.prepare(mode)
        layout = self.best[mode]
        return {"layout": layout, **self.models[layout].measure(mode, warm_ups, iterations)}

    def prepare(self, mode: str) -> None:
        """Makes the mode ready in each layout, and keeps the faster one."""
        # Compiling takes a minute, and the compiler chooses the layout of convolutions itself.
        layouts = ["nhwc"] if mode == "compile" else list(LAYOUTS)
        times = {}
        for layout in layouts:
            model = self.models[layout]
            if mode != "eager":
                getattr(model, mode)()
            times[layout] = statistics.median(model.measure(mode, 20, 50)["wall"])
        self.best[mode] = min(times, key=times.get)


class Answers:
    def __init__(self) -> None:
        self.peer: Peer | None = None

    def __call__(self, request: dict) -> dict:
        if request["op"] == "load":
            self.peer = Peer(request["device"])
            return self.peer.about()
        with torch.inference_mode():
            return self.peer.run(request)


if __name__ == "__main__":
    serve(Answers())
