"""How a Python peer is spoken to: one JSON line a request on stdin, one a response on file descriptor 3. Not stdout: what TensorRT or PyTorch
prints must not mix with the answers.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, Callable

Json = dict[str, Any]


def serve(answer: Callable[[Json], Json]) -> None:
    """Answers until a request says `{"op": "quit"}`; what `answer` raises becomes `{"error": …}`."""
    with os.fdopen(3, "w", encoding="utf-8") as answers:
        for line in sys.stdin:
            request = json.loads(line)
            if request["op"] == "quit":
                return
            try:
                response = answer(request)
            except Exception as error:
                traceback.print_exc()
                response = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(response, separators=(",", ":")) + "\n")
            answers.flush()
