"""The certified OpenID provider that ../../clients has, in Google's place."""

import pathlib
import re

from . import process

HERE = pathlib.Path(__file__).parent
CLIENTS = HERE.parent.parent / "clients"
_SOURCE = (CLIENTS / "lib/provider.mjs").read_text()
CLIENT_ID, CLIENT_SECRET = (
    re.search(rf"{name} = '([^']+)'", _SOURCE).group(1) for name in ("CLIENT_ID", "CLIENT_SECRET")
)


class Provider:
    def __init__(self, callback: str):
        port = process.free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        node = CLIENTS / ".tools/node_modules/node/bin/node"
        words = [node, "--import", CLIENTS / "lib/tools.mjs", HERE / "provider.mjs", port, callback]
        self._process = process.Process(words, process.temporary() / "log")
        process.wait_until_listening(self._process, port)
