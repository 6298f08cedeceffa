"""A Hugging Face hub for tests: the answers that its client needs to bring a model of a few files."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serve(models: dict[str, dict[str, bytes]]) -> Iterator[str]:
    """Serve files by repository and name; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0].lstrip("/").removeprefix("api/models/")
            repo = next((repo for repo in models if path.startswith(repo)), None)
            rest = path[len(repo or "") :]
            headers, data = {"X-Repo-Commit": COMMIT}, b""
            if repo and rest.startswith("/resolve/"):
                data = models[repo].get(rest.split("/", 3)[3], b"")
                headers["ETag"] = hashlib.sha256(data).hexdigest()
            elif repo:
                names = [{"rfilename": name} for name in models[repo]]
                data = json.dumps({"id": repo, "sha": COMMIT, "siblings": names, "private": False}).encode()
                if "/tree/" in rest:
                    tree = [
                        {"type": "file", "path": n, "size": len(d), "oid": "0"}
                        for n, d in models[repo].items()
                    ]
                    data = json.dumps(tree).encode()
                headers["Content-Type"] = "application/json"
            self.send_response(200 if repo else 404)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
