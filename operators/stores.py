"""The clients of the object stores, and which of them a place is in.

Credentials come from the store's usual chain, on every machine anew: no secret travels with a task.
    s3    AWS_ACCESS_KEY_ID, AWS_PROFILE, instance roles; AWS_DEFAULT_REGION, AWS_ENDPOINT_URL
    gs    GOOGLE_APPLICATION_CREDENTIALS, workload identity; STORAGE_EMULATOR_HOST is an emulator, asked anonymously
    az    AZURE_STORAGE_ACCOUNT names the account; AZURE_CLIENT_ID and the like, workload or managed identity

RECAST_S3_SSE (AES256 or aws:kms) and RECAST_S3_SSE_KMS_KEY_ID have S3 encrypt what is written; without them it does as
its bucket says, as the other stores always do. A store that is away is asked again for about a minute: a clip that is
read or written while it restarts must not fail.
"""

import os
from datetime import timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import fsspec
from pyarrow import fs

from schemas.errors import UserError

SCHEMES = {"file": "file", "s3": "s3", "gs": "gs", "az": "az", "abfs": "az"}
PATIENCE = timedelta(minutes=1)


def place(uri: str) -> tuple[str, str]:
    """What kind of store `uri` names, and the path in it."""
    scheme, separator, rest = uri.partition("://")
    if not separator and not uri.startswith("data:"):
        scheme, rest = "file", uri
    if scheme not in SCHEMES:
        problem = f"{scheme.partition(':')[0]}: is not a place that can be read or written"
        remedy = "Give a local path, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
        raise UserError(uri, problem, remedy)
    return SCHEMES[scheme], str(Path(rest).expanduser().absolute()) if scheme == "file" else rest.strip("/")


def arrow_of(scheme: str, uri: str) -> fs.FileSystem:
    """Arrow's client of the kind of store that `place` names for `uri`."""
    match scheme:
        case "s3" if os.environ.get("RECAST_S3_SSE"):  # which Arrow's own cannot ask for
            return fs.PyFileSystem(fs.FSSpecHandler(s3fs()))
        case "s3":
            return _s3(tuple(item for item in os.environ.items() if item[0].startswith("AWS_")))
        case "gs":
            return _gcs(os.environ.get("STORAGE_EMULATOR_HOST", ""))
        case "az":
            if account := os.environ.get("AZURE_STORAGE_ACCOUNT"):
                return _azure(account)
            raise UserError(uri, "lies in no account", "Name it in AZURE_STORAGE_ACCOUNT")
    return fs.LocalFileSystem()


def s3fs() -> fsspec.AbstractFileSystem:
    """For what Arrow cannot: encryption, small ranges, ETags, deletes."""
    encryption = {
        parameter: os.environ[name]
        for name, parameter in (
            ("RECAST_S3_SSE", "ServerSideEncryption"),
            ("RECAST_S3_SSE_KMS_KEY_ID", "SSEKMSKeyId"),
        )
        if os.environ.get(name)
    }
    return fsspec.filesystem(
        "s3",
        config_kwargs={"retries": {"max_attempts": 8, "mode": "standard"}},
        s3_additional_kwargs=encryption,
        use_listings_cache=False,
    )


@lru_cache(4)
def _s3(environment: tuple[tuple[str, str], ...]) -> fs.FileSystem:
    """Made anew only if the environment has changed: finding credentials may take a request."""
    # Region and endpoint are given, as Arrow would otherwise ask AWS itself where a bucket lies.
    # Its own 3 attempts take half a second, 9 about PATIENCE. A small file is one request if its opening is delayed.
    named = dict(environment)
    options: dict[str, Any] = {
        "region": named.get("AWS_REGION") or named.get("AWS_DEFAULT_REGION") or "us-east-1",
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=9),
        "allow_delayed_open": True,
    }
    endpoint = named.get("AWS_ENDPOINT_URL_S3") or named.get("AWS_ENDPOINT_URL")
    if endpoint:
        options |= dict(zip(("scheme", "endpoint_override"), endpoint.rstrip("/").split("://"), strict=True))
    return fs.S3FileSystem(**options)


@cache
def _gcs(emulator: str) -> fs.FileSystem:
    if not emulator:
        return fs.GcsFileSystem(retry_time_limit=PATIENCE)
    scheme, _, host = emulator.rpartition("://")
    return fs.GcsFileSystem(
        anonymous=True, scheme=scheme or "http", endpoint_override=host, retry_time_limit=PATIENCE
    )


@cache
def _azure(account: str) -> fs.FileSystem:
    return fs.AzureFileSystem(account)
