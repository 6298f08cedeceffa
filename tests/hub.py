"""A Hugging Face hub for tests: the answers that its client needs to bring a model of a few files."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS = (".safetensors", ".bin")  # of these it states a sha256, of others git's own digest
Gets = list[tuple[str, str]]  # name of a file and range, of every one that was sent


@contextmanager
def serve(
    models: dict[str, dict[str, bytes]],
    cut: dict[str, int] | None = None,
    stated: dict[str, bytes] | None = None,
    refusal: str = "",
    gets: Gets | None = None,
    stay_cut: bool = False,
) -> Iterator[str]:
    """Serve files by repository and name; gives the address.

    The first answer with a file of `cut` ends after so many bytes; if it is to `stay_cut`, any later one at once.
    Digests are those of the bytes in `stated`, where it has a file. With a `refusal` every file is of a gated model
    whose page says that. `gets` collects what was sent.
    """
    cuts = dict(cut or {})

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0].lstrip("/").removeprefix("api/models/")
            repo = next((repo for repo in models if path.startswith(repo)), None)
            rest = path[len(repo or "") :]
            if repo and rest.startswith("/resolve/"):
                self._send_file(repo, rest.split("/", 3)[3], body)
            elif repo:
                files = [_about(name, (stated or {}).get(name, data)) for name, data in models[repo].items()]
                answer: Any = {"id": repo, "sha": COMMIT, "siblings": files, "private": False}
                if "/tree/" in rest:
                    answer = [{"type": "file", "path": f["rfilename"], "oid": "0", **f} for f in files]
                self._send(200, {"Content-Type": "application/json"}, json.dumps(answer).encode(), body)
            else:
                self._send(404, {}, b"", body)

        def _send_file(self, repo: str, name: str, body: bool) -> None:
            if refusal:
                headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": refusal}
                self._send(403, headers, b"", body)
                return
            whole = models[repo][name]
            headers = {"X-Repo-Commit": COMMIT, "ETag": hashlib.sha256(whole).hexdigest()}
            headers |= {"Accept-Ranges": "bytes"}
            asked = self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
            if asked and start >= len(whole):
                self._send(416, {"Content-Range": f"bytes */{len(whole)}"}, b"", body)
                return
            if body and gets is not None:
                gets.append((name, asked))
            if asked:
                headers["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
            self._send(206 if asked else 200, headers, whole[start:], body, self._end(name) if body else None)

        def _end(self, name: str) -> int | None:
            end = cuts.pop(name, None)
            if end is not None and stay_cut:
                cuts[name] = 0
            return end

        def _send(
            self, code: int, headers: dict[str, str], data: bytes, body: bool, end: int | None = None
        ) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data[:end])
            if end is not None:
                self.wfile.flush()
                self.connection.shutdown(2)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def _about(name: str, data: bytes) -> dict[str, Any]:
    """What the hub states of a file."""
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    digest = hashlib.sha256(data).hexdigest()  # called sha256 in a model's description, oid in its tree
    lfs = {"sha256": digest, "oid": digest, "size": len(data), "pointerSize": 134}
    return {
        "rfilename": name,
        "size": len(data),
        "blobId": blob,
        **({"lfs": lfs} if name.endswith(LFS) else {}),
    }
