"""A person at a browser without a screen, and the app that sends them to sign in. Each request may go to another replica."""

import base64
import hashlib
import itertools
import json
import re
import secrets
import urllib.parse

from . import wire

#: Where the app waits for people to come back: nobody listens there.
BACK = "http://127.0.0.1:65000/callback"
_places = itertools.count(1)


class Refused(Exception):
    """An answer of /token that holds no tokens."""


class Browser:
    """Keeps cookies, reads the pages, presses their buttons."""

    def __init__(self, account: str, origin: str, way):
        """`way` says which port takes a path of docent's origin."""
        self.account, self.origin, self.way = account, origin, way
        self.cookies: dict[str, dict[str, str]] = {}
        # People come from addresses of their own.
        self.place = f"198.51.100.{next(_places) % 250 + 1}"

    async def sign_in(self, address: str) -> dict[str, str]:
        """Opens the address that an app sends people to, and signs in; what the app is told in the end."""
        url, form = address, None
        for _ in range(20):
            answer = await self._ask(url, form)
            if "location" in answer.headers:
                url, form = urllib.parse.urljoin(url, answer.headers["location"]), None
                if url.startswith(BACK):
                    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
                continue
            assert answer.status == 200, f"{url}: {answer.status} {answer.text()}"
            url, form = self._press(url, answer.text())
        raise AssertionError(f"the sign-in does not end: {url}")

    def _press(self, url: str, page: str) -> tuple[str, dict[str, str]]:
        form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        form |= {"answer": "allow"} if 'name="answer"' in page else {"account": self.account}
        action = re.search(r'action="([^"]+)"', page)
        return urllib.parse.urljoin(url, action.group(1) if action else url), form

    async def _ask(self, url: str, form: dict[str, str] | None) -> wire.Answer:
        parts = urllib.parse.urlsplit(url)
        ours = url.startswith(self.origin)
        port = self.way(parts.path) if ours else parts.port
        jar = self.cookies.setdefault(parts.netloc, {})
        headers = {"Host": parts.netloc, "Accept": "text/html", "X-Forwarded-For": self.place}
        if jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if form is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"{parts.scheme}://{parts.netloc}",
            }
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        body = urllib.parse.urlencode(form or {}).encode()
        answer = await wire.ask(port, "GET" if form is None else "POST", path, headers, body)
        for cookie in answer.cookies:
            name, value = cookie.split(";")[0].split("=", 1)
            gone = re.search("max-age=0|expires=thu, 01 jan 1970", cookie, re.IGNORECASE)
            jar.pop(name, None) if gone else jar.update({name: value})
        return answer


class App:
    """Registers itself, and then has one sign-in after the other."""

    def __init__(self, origin: str, way):
        self.origin, self.way = origin, way
        self.place = f"198.51.100.{next(_places) % 250 + 1}"

    @classmethod
    async def at(cls, origin: str, way) -> "App":
        app = cls(origin, way)
        about = {"client_name": "A test", "redirect_uris": [BACK], "token_endpoint_auth_method": "none"}
        answer = await app._post("/register", json.dumps(about), "application/json")
        assert answer.status == 201, f"/register: {answer.status} {answer.text()}"
        app.id = answer.json()["client_id"]
        return app

    async def code(self, account: str, way=None) -> tuple[str, str]:
        """A person signs in; a code and its verifier."""
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": BACK,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": f"{self.origin}/mcp",
        }
        browser = Browser(account, self.origin, way or self.way)
        told = await browser.sign_in(f"{self.origin}/authorize?{urllib.parse.urlencode(query)}")
        assert told.get("state") == state and "code" in told, f"no code: {told}"
        return told["code"], verifier

    async def sign_in(self, account: str) -> dict:
        return await self.exchange(*await self.code(account))

    async def exchange(self, code: str, verifier: str, port: int | None = None) -> dict:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
        return await self._tokens(form, port)

    async def refresh(self, token: str, port: int | None = None) -> dict:
        return await self._tokens({"grant_type": "refresh_token", "refresh_token": token}, port)

    async def revoke(self, token: str, port: int | None = None):
        answer = await self._form("/revoke", {"token": token}, port)
        assert answer.status == 200, f"/revoke: {answer.status} {answer.text()}"

    async def _tokens(self, form: dict[str, str], port: int | None) -> dict:
        answer = await self._form("/token", form, port)
        if answer.status != 200:
            assert answer.status == 400, f"/token: {answer.status} {answer.text()}"
            raise Refused(answer.json()["error"])
        return answer.json()

    def _form(self, path: str, form: dict[str, str], port: int | None):
        body = urllib.parse.urlencode({"client_id": self.id} | form)
        return self._post(path, body, "application/x-www-form-urlencoded", port)

    async def _post(self, path: str, body: str, kind: str, port: int | None = None) -> wire.Answer:
        headers = {
            "Host": urllib.parse.urlsplit(self.origin).netloc,
            "Content-Type": kind,
            "X-Forwarded-For": self.place,
        }
        return await wire.ask(port or self.way(path), "POST", path, headers, body.encode())
