"""Keys that are made and taken back by a command that shares nothing with the replicas but the state; so is the usage."""

import json
import sys

from lib import calls
from lib.house import House
from lib.report import Report, run, until

#: Seconds within which every replica has to know.
SOON = 5


async def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "redis"
    report = Report(f"keys {kind}")
    async with House(kind=kind) as house:

        async def everywhere(token, status):
            async def asked():
                return [await calls.status(port, token) for port in house.ports] == [status] * len(house.ports)

            await until(SOON, f"{status} on all replicas", asked)

        async def id_of(name):
            listed = json.loads(await house.do("key", "list", "--json"))
            return next(key["id"] for key in listed if key["name"] == name)

        async with report.check("without a key nobody comes in"):
            assert [await calls.status(port) for port in house.ports] == [401] * 3
        async with report.check(f"a key that is made while they run lets in on all of them within {SOON} s"):
            token = (await house.do("key", "create", "--name", "agent")).strip()
            await everywhere(token, 200)
        async with report.check(f"a key that is taken back is refused on all of them within {SOON} s"):
            other = await house.key("other")
            await everywhere(other, 200)
            await house.do("key", "revoke", await id_of("agent"))
            await everywhere(token, 401)
            await everywhere(other, 200)
        async with report.check("a key that is refused stays refused"):
            assert [await calls.status(port, token) for port in house.ports * 10] == [401] * 30
        async with report.check("a key that replaces another lets in beside it"):
            new = await house.do("key", "rotate", await id_of("other"), "--overlap", "1h")
            await everywhere(new.strip(), 200)
            await everywhere(other, 200)
        async with report.check("docent usage has read what all replicas were asked"):
            asked = {name: f"berth of the {name} harbour" for name in ("red", "green", "blue")}
            for port, query in zip(house.ports, asked.values()):
                answer = await calls.search(port, query, other)
                assert answer.status == 200, answer.text()

            async def known():
                said = await house.do("usage", "--json")
                return all(query in said for query in asked.values())

            await until(10, "the questions are in the report", known)
        async with report.check("docent audit has what came to all replicas, and to the command"):
            for port in house.ports:
                await calls.status(port, token)

            async def noted():
                said = await house.do("audit", "--json")
                return "key.revoked" in said and "key.shown" in said

            await until(10, "the log has it", noted)


run(main())
