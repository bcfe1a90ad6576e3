"""Redis hangs and goes away under load: callers notice nothing but another counting, and all comes back by itself."""

import asyncio
import time

from lib import calls
from lib.house import House
from lib.report import Report, figure, run, until

CLIENTS = 8
AWAY_SECONDS = 4
#: A call waits 50 ms for Redis, and this machine has few cores for all that runs on it.
SLOW_SECONDS = 0.5


async def says(house, **expected):
    """Until /readyz of every replica says this of the state."""

    async def all_say():
        said[:] = [(await replica.told()).get("state") for replica in house.replicas]
        return said == [expected] * len(said)

    said = []
    try:
        await until(10, f"/readyz says {expected}", all_say)
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {said}") from None


async def exact_again(house):
    token = await house.key("again", "--limit", "40/hour")
    found = await calls.at_once(house.ports, 400, token)
    assert found == {"ok": 40, "limited": 360}, f"{found}"


async def local():
    report = Report("redis fallback local")
    async with House(fallback="local") as house:
        token = await house.key("load")
        async with report.check("/readyz says that the limits are shared"):
            await says(house, reachable=True, limits="shared")

        async def away(how, gone, back):
            few = await house.key("few", "--limit", "12/hour")
            # Each replica has seen the keys while it could ask for them.
            for port in house.ports:
                assert await calls.status(port, token) == 200 and await calls.status(port, few) == 200
            async with calls.Load(house.port, CLIENTS, token, pause_seconds=0.01) as load:
                await asyncio.sleep(1)
                since = time.monotonic()
                gone()
                async with report.check(f"{how}: /readyz says so, and that each replica counts for itself"):
                    await says(house, reachable=False, limits="local")
                async with report.check(f"{how}: a limit still holds, by a share for each replica"):
                    found = await calls.at_once(house.ports, 90, few)
                    # Four for each, one of which was made before.
                    assert found == {"ok": 9, "limited": 81}, f"{found}"
                await asyncio.sleep(max(0.0, since + AWAY_SECONDS - time.monotonic()))
                to = time.monotonic()
                back()
                async with report.check(f"{how}: when it is back, so are shared limits, by themselves"):
                    await says(house, reachable=True, limits="shared")
                await asyncio.sleep(1)
            async with report.check(f"{how}: no call failed"):
                failed = load.failed(allowed=("ok", "limited"))
                assert not failed, f"{len(failed)} of {len(load.calls)}: {failed[:3]}"
            async with report.check(f"{how}: no call was slow for it"):
                before, during = load.seconds(to=since), load.seconds(since, to)
                p50, p99 = calls.percentile(during, 0.5), calls.percentile(during, 0.99)
                figure(
                    f"{how}: {len(during)} calls, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, at most"
                    f" {during[-1] * 1e3:.0f} ms; before p50 {calls.percentile(before, 0.5) * 1e3:.1f} ms,"
                    f" p99 {calls.percentile(before, 0.99) * 1e3:.1f} ms"
                )
                assert p99 < SLOW_SECONDS, f"p99 {p99:.3f} s"
            async with report.check(f"{how}: limits are exact again"):
                await exact_again(house)

        await away("Redis hangs", house.engine.freeze, house.engine.thaw)
        await away("Redis is gone", house.engine.kill, house.engine.start)
        replica = house.replicas[2]
        house.engine.kill()
        replica.kill()
        replica.start()
        async with report.check("a replica that is to start while Redis is gone says that this is why it does not"):
            await until(10, "it ends", replica.ended)
            assert "state: redis://127.0.0.1" in replica.log().splitlines()[-1], replica.log()[-500:]
        house.engine.start()
        replica.start()
        async with report.check("and serves when Redis is back"):
            await replica.ready()
            assert await calls.status(replica.port, token) == 200


async def deny():
    report = Report("redis fallback deny")
    async with House(fallback="deny") as house:
        token = await house.key("load")
        for port in house.ports:
            assert await calls.status(port, token) == 200
        async with calls.Load(house.port, CLIENTS, token, pause_seconds=0.01) as load:
            await asyncio.sleep(1)
            house.engine.kill()
            async with report.check("without Redis each replica answers 503"):

                async def refuses():
                    return [await calls.status(port, token) for port in house.ports] == [503] * 3

                await until(5, "503 from all replicas", refuses)
            async with report.check("/readyz says why"):
                await says(house, reachable=False, limits="deny")
            await asyncio.sleep(2)
            house.engine.start()
            async with report.check("they admit again by themselves"):
                await says(house, reachable=True, limits="shared")
                await until(10, "HAProxy takes them in", house.all_in)
            back = time.monotonic()
            await asyncio.sleep(1)
        async with report.check("what was refused is 503, and nothing is after it is back"):
            failed = load.failed()
            assert failed and all(call.outcome.startswith("503") for call in failed), f"{failed[:3]}"
            assert not load.failed(back), f"{load.failed(back)[:3]}"
        async with report.check("limits are exact again"):
            await exact_again(house)


async def main():
    await local()
    await deny()


run(main())
