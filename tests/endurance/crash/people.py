"""People who sign in with apps, stay signed in and sign out, all the time; what they were told is remembered."""

import dataclasses
import random
import time
import urllib.parse

from lib import calls, person, wire

from .server import Server

#: Seconds within which a refresh whose answer was lost may be tried again, and some to spare (RETRY in
#: src/auth/grants/mod.rs).
AGAIN_SECONDS = 110
#: Refreshes of one sign-in: docent takes 60 an hour.
MOST_REFRESHES = 40


@dataclasses.dataclass
class SignIn:
    app: person.App
    #: None where it may have ended by itself.
    access: str | None
    refresh: str
    #: When a refresh was sent whose answer has not come yet.
    asked: float | None = None
    refreshes: int = 0
    #: None after a request to end it whose answer was lost: then either will do.
    lasts: bool | None = True


class People:
    def __init__(self, server: Server, seed: int):
        self.server, self.random = server, random.Random(seed)
        self.apps: list[person.App] = []
        self.sign_ins: list[SignIn] = []
        #: What cannot be.
        self.wrong: list[str] = []
        self.tried_again = 0
        #: What was answered to what could not be done, where that may be: a disk is full.
        self.refused: list[str] | None = None
        self._busy: set[int] = set()

    async def work(self):
        """One step of somebody; what a kill breaks off is done anew by them."""
        starts = self.server.starts
        try:
            await self._step()
        except (wire.Broken, OSError):
            pass
        except (AssertionError, person.Refused) as error:
            if self.refused is not None and isinstance(error, AssertionError):
                self.refused.append(str(error))
            # A sign-in under way does not outlive the server.
            elif self.server.starts == starts and self.server.alive():
                self.wrong.append(f"{type(error).__name__}: {error}")

    async def _step(self):
        what = self.random.random()
        free = [it for it in self.sign_ins if it.lasts and id(it) not in self._busy and it.refreshes < MOST_REFRESHES]
        if not self.apps or what < 0.15:
            self.apps.append(await person.App.at(self.server.origin, lambda _: self.server.port))
        elif len(free) < 4 or what < 0.4:
            app = self.random.choice(self.apps[-20:])
            tokens = await app.sign_in(f"person-{self.random.randrange(50)}")
            self.sign_ins.append(SignIn(app, tokens["access_token"], tokens["refresh_token"]))
        else:
            chosen = self.random.choice(free)
            self._busy.add(id(chosen))
            try:
                await (self._end(chosen) if what > 0.9 else self.refresh(chosen))
            finally:
                self._busy.discard(id(chosen))

    async def refresh(self, it: SignIn):
        """New tokens for the last one that was told, also where it was sent before and no answer came."""
        if it.asked and time.monotonic() - it.asked > AGAIN_SECONDS:
            # Too late: to a server it is now as if somebody else had the token.
            it.lasts = None
            return
        self.tried_again += it.asked is not None
        it.asked = it.asked or time.monotonic()
        it.refreshes += 1
        tokens = await it.app.refresh(it.refresh)
        it.access, it.refresh, it.asked = tokens["access_token"], tokens["refresh_token"], None

    async def _end(self, it: SignIn):
        it.lasts = None
        await it.app.revoke(it.refresh)
        it.lasts = False

    def let_time_pass(self):
        """An hour or more: access tokens have ended."""
        for it in self.sign_ins:
            it.access = None

    async def lost(self, most: int = 12) -> list[str]:
        """What was told and does not hold. Apps and sign-ins are the latest, and some of the others."""
        found = []
        for app in self._some(self.apps, most):
            if not await self._is_registered(app):
                found.append(f"the app {app.id} is not known")
        # Whoever waits for an answer asks again first.
        waiting = [it for it in self.sign_ins if it.lasts and it.asked]
        for it in waiting + self._some([it for it in self.sign_ins if it.lasts and not it.asked], most):
            if it.asked is None and it.access and not await calls.is_known(self.server.port, it.access):
                found.append(f"the access token {it.access[:12]} is not known")
            if it.asked or (it.refreshes < MOST_REFRESHES and self.random.random() < 0.3):
                try:
                    await self.refresh(it)
                except (person.Refused, AssertionError) as error:
                    found.append(f"a refresh after {it.refreshes} others is refused: {error}")
                    it.lasts = False
        for it in self._some([it for it in self.sign_ins if it.lasts is False], most // 2):
            if it.access and await calls.is_known(self.server.port, it.access):
                found.append("an access token lets in after its sign-in was ended")
            if self.random.random() < 0.1:
                try:
                    await it.app.refresh(it.refresh)
                    found.append("a sign-in goes on that was ended")
                except person.Refused:
                    pass
        return found

    def _some(self, all_of: list, most: int) -> list:
        latest, others = all_of[-most // 2 :], all_of[: -most // 2]
        return latest + self.random.sample(others, min(most // 2, len(others)))

    async def _is_registered(self, app: person.App) -> bool:
        query = {
            "response_type": "code",
            "client_id": app.id,
            "redirect_uri": person.BACK,
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
        headers = {"Host": f"127.0.0.1:{self.server.port}", "X-Forwarded-For": calls.place()}
        path = f"/authorize?{urllib.parse.urlencode(query)}"
        answer = await wire.ask(self.server.port, "GET", path, headers)
        return answer.status == 200 and 'name="answer"' in answer.text()
