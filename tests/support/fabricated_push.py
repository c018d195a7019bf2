"""A local hub that takes what a client uploads, and keeps it in memory."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

from local_server import Handler, serving

COMMIT = "0" * 40


@contextmanager
def serve() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the hub's address, and the pushed files by name."""
    pushed: dict[str, bytes] = {}

    class Hub(Handler):
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
            self.respond(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    with serving(Hub) as address:
        yield address, pushed
