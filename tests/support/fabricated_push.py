"""A local hub that takes what a client uploads, and keeps it in memory."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0" * 40


@contextmanager
def serve() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the hub's address, and the pushed files by name."""
    pushed: dict[str, bytes] = {}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({"id": "owner/name", "sha": COMMIT, "name": "owner", "type": "user", "siblings": []})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            address = f"http://{self.headers['Host']}/owner/name"
            if "/preupload/" in self.path:
                files = json.loads(body)["files"]
                told = [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files
                ]
                self.reply({"files": told})
            elif "/commit/" in self.path:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        pushed[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                commit = f"{address}/commit/{COMMIT}"
                self.reply({"commitUrl": commit, "commitOid": COMMIT, "hookOutput": "", "success": True})
            else:
                self.reply({"url": address, "id": "owner/name", "errors": [], "warnings": []})

        def reply(self, content: dict[str, object]) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", pushed
    finally:
        server.shutdown()
        server.server_close()
