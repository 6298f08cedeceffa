"""A real S3 server for tests: SeaweedFS, with keys, on free ports of this machine."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "clips"


class Server:
    """A server over `folder` with one empty bucket and one key; stopped and started again, it holds what it held."""

    def __init__(self, folder: Path) -> None:
        identity = {
            "name": "test",
            "credentials": [{"accessKey": "testkey", "secretKey": "testsecret"}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        config = folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        s3, master, volume, filer = free_ports(4)
        self.folder = folder
        self.command = [
            str(Path(sys.executable).parent / "weed"),
            "mini",
            *(f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={config}"),
            *(f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-master.port={master}"),
            *(f"-volume.port={volume}", f"-filer.port={filer}"),
            *("-admin.ui=false", "-webdav=false", f"-bucket={BUCKET}"),
        ]
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
            "AWS_ACCESS_KEY_ID": "testkey",
            "AWS_SECRET_ACCESS_KEY": "testsecret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Returns once the server answers."""
        with (self.folder / "weed.log").open("a") as log:
            limits = {**os.environ, "GOMEMLIMIT": "300MiB", "TMPDIR": str(self.folder)}
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=limits, cwd=self.folder)
        _wait(client(self.environment), self.process)

    def stop(self, signal: int = SIGKILL) -> None:
        """With SIGTERM it writes down first what it has acknowledged."""
        self.process.send_signal(signal)
        self.process.wait()


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """A running server, whose `environment` makes it the default."""
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def client(environment: dict[str, str]) -> Any:
    """A boto3 S3 client for a served environment."""
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
        config=Config(retries={"max_attempts": 0}, connect_timeout=1),
    )


def _wait(s3: Any, server: subprocess.Popen[bytes], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            s3.put_object(Bucket=BUCKET, Key="ready", Body=b"")
            s3.delete_object(Bucket=BUCKET, Key="ready")
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
    raise RuntimeError("SeaweedFS did not come up; see weed.log")


def free_ports(count: int) -> list[int]:
    """Ports that are free together with their gRPC neighbours, which SeaweedFS puts 10000 above."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(12000, 32000)
        if port not in ports and _is_free(port) and _is_free(port + 10000):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
