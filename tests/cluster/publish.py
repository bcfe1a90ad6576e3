"""Docs are published while they are read: replicas move on together and nobody notices; what is not whole is not served."""

import asyncio
import json
import shutil
import time

from lib import bucket, calls
from lib.bucket import Gate
from lib.house import House
from lib.report import Report, figure, run, until

CLIENTS = 12
#: Seconds within which all replicas serve what was published.
SOON = 10
#: Seconds in which a follower, which has found out that it must not take something, would take it all the same.
LONG_ENOUGH = 8
#: Seconds that a replica may wait for a bucket that says nothing before it serves what it has.
PATIENCE = 30


class Pages:
    """Edits the docs so that each edition can be told from the others by a question."""

    def __init__(self, house):
        self.house, self.edition = house, 0

    def edit(self) -> str:
        """A new word, which only the page written now has."""
        self.edition += 1
        word = f"zanzibarite{self.edition}"
        (self.house.docs / "guide/edition.md").write_text(f"# Edition {self.edition}\n\nThis one is called {word}.\n")
        return word


async def brings(port, word, token) -> bool:
    answer = await calls.search(port, f'"{word}"', token)
    return answer.status == 200 and "guide/edition.md" in answer.text() and word in answer.text()


async def main():
    report = Report("publish")
    async with House() as house:
        token = await house.key("load")
        pages = Pages(house)

        async def all_on_another(than):
            found = await house.snapshots()
            return found[0] if len(set(found)) == 1 and found[0] != than else None

        async with report.check("all replicas serve the one snapshot there is, without a docs folder"):
            [only] = set(await house.snapshots())
            assert only

        async def moved(before):
            """When the pointer is another one, which is while the publisher still tidies up."""
            key = f"{bucket.PREFIX}/current.json"

            async def names_another():
                return json.loads(await asyncio.to_thread(house.bucket.get, key))["id"] != before

            await until(60, "the pointer moves", names_another)
            return time.monotonic()

        seen = []
        async with calls.Load(house.port, CLIENTS, token) as load:
            await asyncio.sleep(1)
            for number in range(1, 4):
                async with report.check(f"edition {number}: all replicas serve it within {SOON} s"):
                    [before] = set(await house.snapshots())
                    pointer = house.bucket.objects()
                    word = pages.edit()
                    publishing = asyncio.create_task(house.publish())
                    since = await moved(before)
                    now = await until(SOON, "all on the new one", lambda before=before: all_on_another(before))
                    figure(f"edition {number}: all replicas serve it after {time.monotonic() - since:.1f} s")
                    await publishing
                    for port in house.ports:
                        assert await brings(port, word, token), f"{word} at {port}"
                    seen.append((now, pointer))
                    await asyncio.sleep(1)
        async with report.check("no call failed while they moved on"):
            assert not load.failed(), f"{len(load.failed())} of {len(load.calls)}: {load.failed()[:3]}"
            figure(f"{len(load.calls)} calls")

        # What is written over and not beside is the pointer.
        first, last = seen[0][1], house.bucket.objects()
        changed = [key for key in first if key in last and last[key] != first[key]]
        async with report.check("a snapshot is never written over; one pointer is"):
            assert len(changed) == 1, f"{changed}"
        [pointer] = changed

        async def saw():
            return all([(await replica.told())["current"] is False for replica in house.replicas])

        async def well():
            return all([(await replica.told())["current"] is True for replica in house.replicas])

        async def ignored(before, what):
            """Followers look, find it, say so, and stay where they are."""
            await until(SOON, f"all see {what}", saw)
            end = time.monotonic() + LONG_ENOUGH
            async with calls.Load(house.port, 2, token) as load:
                while time.monotonic() < end:
                    assert await house.snapshots() == before, f"{what} is served"
                    await asyncio.sleep(0.2)
            assert not load.failed(), f"{load.failed()[:3]}"

        before, good = await house.snapshots(), house.bucket.get(pointer)
        # They are made where nobody follows, and torn before anybody can see them.
        aside = f"{bucket.PREFIX}-aside"
        for what, choose in (("its largest file", max), ("its smallest", min)):
            async with report.check(f"a snapshot that the pointer names is not served when {what} is torn"):
                pages.edit()
                await house.do("index", "--publish", f"s3://{bucket.NAME}/{aside}")
                there = house.bucket.objects()
                objects = {
                    key.replace(aside, bucket.PREFIX, 1): house.bucket.get(key) for key in house.bucket.objects(aside)
                }
                new = {key: body for key, body in objects.items() if key not in there}
                torn = choose(new, key=lambda key, new=new: len(new[key]))
                for key, body in new.items():
                    house.bucket.put(key, body[: len(body) // 2] if key == torn else body)
                figure(f"torn is {torn}, {len(new[torn])} bytes, of {len(new)} that are new")
                torn_pointer = objects[pointer]
                house.bucket.put(pointer, torn_pointer)
                await ignored(before, "what is torn")
                # Told of the next one, they were well in between.
                house.bucket.put(pointer, good)
                await until(SOON, "all are well again", well)
        house.bucket.put(pointer, torn_pointer)
        async with report.check("a replica that starts then serves the last good one"):
            replica = house.replicas[0]
            assert await asyncio.to_thread(replica.stop) == 0
            replica.start()
            await replica.ready()
            assert await house.snapshots() == before
            house.bucket.put(pointer, good)
            await until(SOON, "all are well again", well)
        async with report.check("a pointer that says nothing is not followed"):
            house.bucket.put(pointer, b"nothing")
            await ignored(before, "nothing")
        async with report.check("and the next good one is taken"):
            house.bucket.put(pointer, good)
            word = pages.edit()
            await house.publish()
            await until(SOON, "all on the new one", lambda: all_on_another(before[0]))
            for port in house.ports:
                assert await brings(port, word, token), f"{word} at {port}"

        async with report.check("of two who move the pointer at once one wins and the other is told"):
            other = house.home / "other"
            shutil.copytree(house.docs, other)
            (other / "guide/other.md").write_text("# Other\n\nOf the other publisher: quinquereme.\n")
            settings = house.operator.read_text().replace(str(house.docs), str(other)).replace('"data"', '"other-data"')
            (house.home / "other.toml").write_text(settings)
            word = pages.edit()
            publish = ("index", "--publish", bucket.URL)
            async with Gate(house.bucket, f"PUT /{bucket.NAME}/{pointer}") as gate:
                slow = asyncio.create_task(house.run(*publish, env=house.bucket.environment(gate.port)))
                reached = asyncio.create_task(gate.reached.wait())
                await asyncio.wait([slow, reached], timeout=30, return_when=asyncio.FIRST_COMPLETED)
                assert gate.reached.is_set(), f"it never moved the pointer: {slow.result() if slow.done() else ''}"
                # Nothing but the pointer keeps the two apart now.
                house.bucket.delete(f"{bucket.PREFIX}/publishing.json")
                fast = await house.run(*publish, config=house.home / "other.toml")
                gate.opened.set()
                slow = await slow
            assert (slow.returncode, fast.returncode) == (1, 0), f"{slow}\n{fast}"
            loser = slow.stderr
            assert "another docent published to" in loser and "publish again" in loser, loser
            figure(f"the other is told: {loser.strip().splitlines()[-1]}")
            for port in house.ports:
                await until(SOON, f"quinquereme at {port}", lambda port=port: found(port, "quinquereme", token))
                assert not await found(port, word, token), f"{word} of the loser at {port}"

        async with report.check("what is old is cleaned up: a replica keeps the one it serves and the one before"):
            for replica in house.replicas:
                data = replica.home / "data"
                files = (file for file in data.rglob("*") if file.is_file() and ".sqlite" not in file.name)
                sizes = sum(file.stat().st_size for file in files)
                one = sum(len(house.bucket.get(key)) for key in list(house.bucket.objects(aside)))
                assert sizes < 3 * one, f"{sizes} bytes in {data}, one snapshot has {one}"

        async with report.check("while the bucket hangs, what was taken is served"):
            before = await house.snapshots()
            house.bucket.freeze()
            async with calls.Load(house.port, CLIENTS, token) as load:
                await asyncio.sleep(5)
            assert await house.snapshots() == before
            assert not load.failed(), f"{load.failed()[:3]}"
        async with report.check(f"a replica that starts then serves what it has kept within {PATIENCE} s"):
            assert await asyncio.to_thread(replica.stop) == 0
            replica.start()
            await replica.ready(PATIENCE)
            assert await calls.status(replica.port, token) == 200
        house.bucket.thaw()


async def found(port, word, token) -> bool:
    return word in (await calls.search(port, word, token)).text()


run(main())
