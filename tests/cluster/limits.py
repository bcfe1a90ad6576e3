"""A limit is exact over all replicas, whichever of them a call comes to."""

import sys

from lib import calls
from lib.house import House
from lib.person import App
from lib.report import Report, run

CALLS = 400


async def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "redis"
    report = Report(f"limits {kind}")
    async with House("google", limits={"user": "40/hour", "key": "60/minute"}, kind=kind) as house:
        app = await App.at(house.origin, lambda _: house.port)

        async def person(account):
            return (await app.sign_in(account))["access_token"]

        async def exactly(admitted, ports, token):
            found = await calls.at_once(ports, CALLS, token)
            assert found == {"ok": admitted, "limited": CALLS - admitted}, f"{found}"

        async with report.check(f"of {CALLS} calls at once of one person through HAProxy 40 are admitted"):
            ada = await person("ada")
            await exactly(40, [house.port], ada)
        async with report.check("the person has nothing left anywhere, also with another sign-in and app"):
            again = await App.at(house.origin, lambda _: house.port)
            for token in (ada, (await again.sign_in("ada"))["access_token"]):
                for port in house.ports:
                    assert await calls.status(port, token) == 429, f"at {port}"
        async with report.check(f"of {CALLS} calls at once of another, sent to the replicas in turn, as well"):
            await exactly(40, house.ports, await person("bob"))
        async with report.check(f"of {CALLS} calls at once with one key 60, its limit in the settings"):
            await exactly(60, house.ports, await house.key("agent"))
        async with report.check(f"of {CALLS} calls at once with one key 25, its own limit"):
            await exactly(25, house.ports, await house.key("small", "--limit", "25/hour"))
        async with report.check("two people and two keys at once do not count for each other"):
            eve, carl = await person("eve"), await person("carl")
            one, two = await house.key("one", "--limit", "30/hour"), await house.key("two", "--limit", "35/hour")
            for token, admitted in ((eve, 40), (one, 30), (carl, 40), (two, 35)):
                await exactly(admitted, house.ports, token)


run(main())
