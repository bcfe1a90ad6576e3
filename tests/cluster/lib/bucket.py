"""A bucket in a real server that speaks S3 (moto), and a way to it at which a request can be held."""

import asyncio
import contextlib
import logging
import pathlib
import sys

import boto3

from . import process

NAME = "docs"
PREFIX = "handbook"
URL = f"s3://{NAME}/{PREFIX}"
#: Nobody checks them.
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


class Bucket:
    def __init__(self):
        self.port = process.free_port()
        self.home = process.temporary()
        program = pathlib.Path(sys.executable).with_name("moto_server")
        self._process = process.Process([program, "-H", "127.0.0.1", "-p", self.port], self.home / "log")
        process.wait_until_listening(self._process, self.port)
        logging.getLogger("botocore").setLevel(logging.ERROR)
        keys = {name.lower(): value for name, value in _KEYS.items() if name != "AWS_REGION"}
        self._client = boto3.client("s3", endpoint_url=self.endpoint(), region_name="us-east-1", **keys)
        self._client.create_bucket(Bucket=NAME)

    def endpoint(self, port: int | None = None) -> str:
        return f"http://127.0.0.1:{port or self.port}"

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What docent needs to come here, or to another port that leads here."""
        return _KEYS | {
            "AWS_ENDPOINT": self.endpoint(port),
            "AWS_ENDPOINT_URL": self.endpoint(port),
            "AWS_ALLOW_HTTP": "true",
        }

    def freeze(self):
        self._process.freeze()

    def thaw(self):
        self._process.thaw()

    def objects(self, prefix: str = PREFIX) -> dict[str, str]:
        """Keys and what tells versions of them apart."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix=f"{prefix}/")
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}

    def get(self, key: str) -> bytes:
        return self._client.get_object(Bucket=NAME, Key=key)["Body"].read()

    def put(self, key: str, body: bytes):
        self._client.put_object(Bucket=NAME, Key=key, Body=body)

    def delete(self, key: str):
        self._client.delete_object(Bucket=NAME, Key=key)


class Gate:
    """Passes bytes on to the bucket, but holds what begins with these words until it is opened."""

    def __init__(self, bucket: Bucket, words: str):
        self.bucket, self.words = bucket, words.encode()
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.opened.set()
        self._server.close()

    async def _pass(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.bucket.port)

        async def copy(source, target, holds):
            while chunk := await source.read(65536):
                if holds and chunk.startswith(self.words):
                    self.reached.set()
                    await self.opened.wait()
                target.write(chunk)
                await target.drain()
            target.close()

        # Clients keep connections; the loop ends them in the end.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(copy(reader, back, True), copy(there, writer, False), return_exceptions=True)
