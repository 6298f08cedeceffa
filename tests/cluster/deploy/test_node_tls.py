"""Ray's nodes under the certificates of node_certificate.py: a job runs on two of them, and nobody else is let in."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cluster import toy
from tests.cluster.deploy.test_node_certificate import ROOT, authority

HEAD, OTHER = "127.0.0.2", "127.0.0.3"
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # RFC 9113, 3.4
SETTINGS = 4  # the type of the frame with which a server of HTTP/2 answers, its fourth byte


@dataclass(frozen=True)
class Cluster:
    """Folder of each node's certificate by its address, the ports on which nodes hear each other, and what to run
    with."""

    tls: dict[str, Path]
    ports: list[tuple[str, int]]
    environment: dict[str, str]


def certificate(ca: Path, target: Path, address: str) -> Path:
    target.mkdir()
    command = [sys.executable, "-m", "cluster.deploy.node_certificate", str(ca), str(target)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"POD_IP": address}, check=True)
    return target


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        return [
            held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)
        ]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head that writes and a node that makes, as `ray start` starts them under docs/deploy.md's variables."""
    folder = tmp_path_factory.mktemp("tls")
    ca, gcs, *ports = authority(folder / "ca"), *free_ports(5)
    tls = {address: certificate(ca, folder / address, address) for address in (HEAD, OTHER)}
    common = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64, "RAY_USE_TLS": "1"}
    common |= {"RAY_prestart_worker_first_driver": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    common.pop("RAY_ADDRESS", None)
    environment = {
        address: common
        | {"RAY_TLS_SERVER_CERT": f"{place}/tls.crt", "RAY_TLS_SERVER_KEY": f"{place}/tls.key"}
        | {"RAY_TLS_CA_CERT": f"{place}/ca.crt"}
        for address, place in tls.items()
    }
    with ExitStack() as ended:
        sockets = ended.enter_context(
            TemporaryDirectory(prefix="ray-")
        )  # a socket's path has 107 bytes at most
        head = ["--head", f"--port={gcs}", "--include-dashboard=false", f"--temp-dir={sockets}"]
        starts = {HEAD: (head, "writes"), OTHER: ([f"--address={HEAD}:{gcs}"], "makes")}
        for number, (address, (how, resource)) in enumerate(starts.items()):
            command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *how]
            command += [f"--node-ip-address={address}", "--num-cpus=2", f'--resources={{"{resource}": 1}}']
            command += ["--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"]
            command += [f"--node-manager-port={ports[2 * number]}"]
            command += [f"--object-manager-port={ports[2 * number + 1]}"]
            log = ended.enter_context(open(folder / f"{resource}.log", "wb"))
            node = subprocess.Popen(
                command, cwd=ROOT, env=environment[address], stdout=log, stderr=log, start_new_session=True
            )
            ended.callback(node.wait)
            ended.callback(
                os.killpg, node.pid, signal.SIGKILL
            )  # asked to end, Ray takes a quarter of a minute
        heard = [(HEAD, gcs), *((HEAD, port) for port in ports[:2]), *((OTHER, port) for port in ports[2:])]
        made = Cluster(tls, heard, environment[HEAD] | {"RAY_ADDRESS": f"{HEAD}:{gcs}"})
        until = time.monotonic() + 120
        while not all(answers(made, *one, by=tls[HEAD]) for one in heard):
            logs = "".join(path.read_text() for path in sorted(folder.glob("*.log")))
            assert time.monotonic() < until, logs
            time.sleep(0.5)
        yield made


def answers(cluster: Cluster, address: str, port: int, by: Path | None, encrypted: bool = True) -> bool:
    """Whether a server of Ray's talks to somebody with the certificate in the folder `by`, or with none."""
    context = ssl.create_default_context(cafile=str(cluster.tls[HEAD] / "ca.crt"))
    context.set_alpn_protocols(["h2"])
    if by:
        context.load_cert_chain(by / "tls.crt", by / "tls.key")
    try:
        with ExitStack() as opened:
            to = opened.enter_context(socket.create_connection((address, port), 5))
            if encrypted:
                to = opened.enter_context(context.wrap_socket(to, server_hostname=address))
            to.sendall(HELLO)
            return to.recv(9)[3:4] == bytes([SETTINGS])
    except OSError:  # no server, or one that says why, or nothing
        return False


def test_a_job_runs_over_two_nodes_that_know_each_other_by_their_certificates(
    cluster: Cluster, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.cluster.deploy.two_nodes", f"{tmp_path}/plan", f"{tmp_path}/out"]
    done = subprocess.run(
        command, cwd=ROOT, env=cluster.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(row["clip_id"] for row in toy.manifest(f"{tmp_path}/out")) == list(range(12))


def test_who_has_no_certificate_of_the_authority_is_not_answered(cluster: Cluster, tmp_path: Path) -> None:
    stranger = certificate(authority(tmp_path / "ca"), tmp_path / "stranger", HEAD)
    for place in cluster.ports:
        assert answers(cluster, *place, by=cluster.tls[OTHER]), place
        assert not answers(cluster, *place, by=None), place
        assert not answers(cluster, *place, by=stranger), place
        assert not answers(cluster, *place, by=None, encrypted=False), place
