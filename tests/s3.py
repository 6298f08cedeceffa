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
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "clips"


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Serve S3 from `folder` with one empty bucket; yields the environment that makes it the default."""
    identity = {
        "name": "test",
        "credentials": [{"accessKey": "testkey", "secretKey": "testsecret"}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    s3, master, volume, filer = _free_ports(4)
    command = [
        *(
            str(Path(sys.executable).parent / "weed"),
            "mini",
            f"-dir={folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-s3.config={config}",
        ),
        *(f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-master.port={master}"),
        *(
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            "-admin.ui=false",
            "-webdav=false",
            f"-bucket={BUCKET}",
        ),
    ]
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
        "AWS_ACCESS_KEY_ID": "testkey",
        "AWS_SECRET_ACCESS_KEY": "testsecret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with (folder / "weed.log").open("w") as log:
        limits = {**os.environ, "GOMEMLIMIT": "300MiB", "TMPDIR": str(folder)}
        server = subprocess.Popen(command, stdout=log, stderr=log, env=limits, cwd=folder)
        try:
            _wait(client(environment), server)
            yield environment
        finally:
            server.kill()
            server.wait()


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


def _free_ports(count: int) -> list[int]:
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
