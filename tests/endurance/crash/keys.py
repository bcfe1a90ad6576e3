"""Keys that an operator makes, replaces and takes back all the time; what the commands said is remembered."""

import dataclasses
import random

from lib import calls

from .server import Server, key_in

#: Of commands that are killed themselves, and seconds until then.
KILLED = 0.4
WITHIN = 0.08


@dataclasses.dataclass
class Key:
    token: str
    id: str
    #: Whether it has to let in; None after a command that was killed: then either will do.
    lets_in: bool | None = True


class Keys:
    def __init__(self, server: Server, seed: int):
        self.server, self.random = server, random.Random(seed)
        self.keys: list[Key] = []
        #: What cannot be.
        self.wrong: list[str] = []
        self.killed = 0
        #: What commands said that could not do it, where that may be: a disk is full.
        self.refused: list[str] | None = None

    async def work(self):
        """One command."""
        living = [key for key in self.keys if key.lets_in]
        what = self.random.random()
        if what < 0.5 or len(living) < 3:
            await self._command(None, "create", "--name", f"key-{len(self.keys)}")
        elif what < 0.75:
            await self._command(self.random.choice(living), "revoke")
        else:
            overlap = self.random.choice(["0s", "30d"])
            await self._command(self.random.choice(living), "rotate", "--overlap", overlap)

    async def _command(self, old: Key | None, what: str, *more):
        kill_after = self.random.uniform(0, WITHIN) if self.random.random() < KILLED else None
        kill_after = kill_after if self.refused is None else None
        goes = what == "revoke" or "0s" in more
        if old and goes:
            old.lets_in = None
        words = ("key", what, *([old.id] if old else []), *more)
        done = await self.server.run(*words, kill_after=kill_after)
        given = key_in(done.stdout)
        if given:
            # Whoever has the key has been told that it is good, whatever became of the command.
            self.keys.append(Key(*given))
        if done.returncode == 0:
            assert what == "revoke" or given, f"docent {' '.join(words)} gave no key: {done}"
            if old and goes:
                old.lets_in = False
        elif done.returncode < 0:
            self.killed += 1
        elif self.refused is not None:
            self.refused.append(done.stderr)
        else:
            self.wrong.append(f"docent {' '.join(words)}: {done.returncode} {done.stderr}")

    async def lost(self, most: int = 60) -> list[str]:
        """What was said and does not hold; of many keys the latest, and some of the others."""
        latest, others = self.keys[-most // 2 :], self.keys[: -most // 2]
        found = []
        for key in latest + self.random.sample(others, min(most // 2, len(others))):
            lets_in = await calls.is_known(self.server.port, key.token)
            if key.lets_in is None:
                # From now on it is this or that, and stays so.
                key.lets_in = lets_in
            elif lets_in != key.lets_in:
                found.append(f"the key {key.id} lets in: {lets_in}, and has to: {key.lets_in}")
        return found
