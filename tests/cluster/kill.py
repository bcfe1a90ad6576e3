"""A replica that dies under load takes with it only the calls that it was answering."""

import asyncio
import time

from lib import balancer, calls
from lib.house import House
from lib.report import Report, figure, run, until

CLIENTS = 24


async def main():
    report = Report("kill")
    async with House() as house:
        token = await house.key("load")
        victim = house.replicas[1]
        async with calls.Load(house.port, CLIENTS, token) as load:
            await asyncio.sleep(2)
            async with report.check("no call fails while all replicas are there"):
                assert load.calls and not load.failed(), f"{load.failed()[:3]}"
            # It stops to answer first, so that there are calls on it when it dies.
            victim.freeze()
            await asyncio.sleep(0.3)
            under_way, killed = balancer.connections(victim.port), time.monotonic()
            victim.kill()
            await asyncio.sleep(4)
            async with report.check("a replica is killed, and no call fails but those that it was answering"):
                failed = load.failed(killed - 1)
                figure(f"{len(failed)} calls failed, of at most {under_way} that the replica was answering")
                assert 0 < len(failed) <= under_way, f"{len(failed)} of {under_way}: {failed[:5]}"
                late = [call for call in failed if call.began > killed + 1]
                assert not late, f"{late[:5]}"
            async with report.check("the others answer what it would have had"):
                assert len(load.seconds(killed + 1, killed + 4)) > CLIENTS
            victim.start()
            await victim.ready()
            await until(10, "HAProxy takes it in", house.all_in)
            before = int(house.balancer.servers()[victim.name]["stot"])
            await asyncio.sleep(2)
            async with report.check("started again it takes part, and no call fails for it"):
                assert int(house.balancer.servers()[victim.name]["stot"]) > before, "it was sent nothing"
                assert not load.failed(killed + 1.5), f"{load.failed(killed + 1.5)[:3]}"
        async with report.check("a replica that is drained and ended by an operator ends no call"):
            async with calls.Load(house.port, CLIENTS, token) as load:
                await asyncio.sleep(1)
                house.balancer.drain(victim.name)
                await until(10, "it is drained", lambda: house.drained(victim.name))
                code = await asyncio.to_thread(victim.stop)
                await asyncio.sleep(2)
            assert code == 0, f"it ended with {code}"
            assert not load.failed(), f"{len(load.failed())}: {load.failed()[:3]}"
            figure(f"{len(load.calls)} calls while it ended")


run(main())
