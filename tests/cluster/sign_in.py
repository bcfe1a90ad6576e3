"""A sign-in belongs to no replica: each of its steps may come to another, and two may come to two at the same moment."""

import asyncio
import sys
import time

from lib import calls
from lib.house import House
from lib.person import App, Refused
from lib.report import Report, figure, run, until

#: Seconds for which the answer to a refresh is given again to whoever asks again (RETRY in src/auth/grants/mod.rs).
WINDOW_SECONDS = 120
CODES = 50
REFRESHES = 20


async def answers(*asked) -> list:
    """What each of these at once brings: tokens, or a refusal."""
    found = await asyncio.gather(*asked, return_exceptions=True)
    for it in found:
        if isinstance(it, BaseException) and not isinstance(it, Refused):
            raise it
    return found


async def refused_everywhere(house, token):
    async def everywhere():
        return [await calls.status(port, token) for port in house.ports] == [401] * len(house.ports)

    await until(5, "refused on all replicas", everywhere)


async def over(house, app, token):
    """The sign-in has ended: neither its access token nor its refresh token is good for anything, anywhere."""
    await refused_everywhere(house, token["access_token"])
    for port in house.ports:
        found = await answers(app.refresh(token["refresh_token"], port))
        assert isinstance(found[0], Refused), f"refreshed at {port}"


async def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "redis"
    report = Report(f"sign_in {kind}")
    async with House("google", kind=kind) as house:
        one, two, three = house.ports
        app = await App.at(house.origin, lambda _: house.port)

        async with report.check("begins on one replica, and goes on on the others"):
            steps = {"/register": three, "/authorize": one, "/consent": two, "/auth/google/callback": three}
            far = await App.at(house.origin, steps.__getitem__)
            token = await far.exchange(*await far.code("ada"), one)
            assert await calls.status(two, token["access_token"]) == 200
            token = await far.refresh(token["refresh_token"], three)
            assert await calls.status(one, token["access_token"]) == 200
            await far.revoke(token["refresh_token"], one)
            await refused_everywhere(house, token["access_token"])

        # The window of this refresh is over when all that follows is done, or soon after.
        first = await app.sign_in("late")
        second = await app.refresh(first["refresh_token"], one)
        refreshed = time.monotonic()

        async with report.check("twenty people at once, wherever HAProxy sends them"):
            tokens = await asyncio.gather(*(app.sign_in(f"person{number}") for number in range(20)))
            for number, token in enumerate(tokens):
                assert await calls.status(house.ports[number % 3], token["access_token"]) == 200, f"person{number}"

        async with report.check(f"two replicas that are shown one code at once do not both give tokens; {CODES} times"):
            codes = await asyncio.gather(*(app.code(f"person{number % 20}") for number in range(CODES)))
            ports = [(one, two), (two, three), (three, one)]
            given = []
            for number, code in enumerate(codes):
                found = await answers(*(app.exchange(*code, port) for port in ports[number % 3]))
                given.append(sum(isinstance(it, dict) for it in found))
            figure(f"for {given.count(1)} codes one gave tokens, for {given.count(0)} none did")
            assert set(given) <= {0, 1} and 1 in given, f"{given}"

        async with report.check(f"two replicas that refresh at once give the same answer; {REFRESHES} times"):
            token = await app.sign_in("ada")
            for number in range(REFRESHES):
                asked = (app.refresh(token["refresh_token"], port) for port in (ports[number % 3]))
                [token, other] = await answers(*asked)
                for it in (token, other):
                    assert isinstance(it, dict), f"round {number}: {it!r}"
                assert token["refresh_token"] == other["refresh_token"], f"round {number}"
                for port, it in ((one, token), (two, other), (three, token)):
                    assert await calls.status(port, it["access_token"]) == 200, f"round {number}"

        async with report.check("a token that is used again after its successor was ends the sign-in everywhere"):
            old = await app.sign_in("bob")
            new = await app.refresh((await app.refresh(old["refresh_token"], one))["refresh_token"], two)
            found = await answers(app.refresh(old["refresh_token"], three))
            assert isinstance(found[0], Refused), "refreshed"
            await over(house, app, new)

        async with report.check("a code that is used again ends the sign-in everywhere"):
            code = await app.code("bob")
            token = await app.exchange(*code, one)
            assert await calls.status(three, token["access_token"]) == 200
            found = await answers(app.exchange(*code, two))
            assert isinstance(found[0], Refused), "exchanged"
            await over(house, app, token)

        async with report.check("a token that is used again after the window ends the sign-in everywhere"):
            await asyncio.sleep(max(0.0, refreshed + WINDOW_SECONDS + 2 - time.monotonic()))
            assert await calls.status(two, second["access_token"]) == 200, "it goes on until then"
            found = await answers(app.refresh(first["refresh_token"], three))
            assert isinstance(found[0], Refused), "refreshed"
            await over(house, app, second)

        async with report.check("docent sign-in ends a sign-in everywhere"):
            token = await app.sign_in("carl")
            assert await calls.status(two, token["access_token"]) == 200
            await house.do("sign-in", "revoke", "--all")
            await over(house, app, token)


run(main())
