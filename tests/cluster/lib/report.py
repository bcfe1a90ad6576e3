"""One line for each check: `ok PART WHAT`, or FAIL and why. ../run counts the lines."""

import asyncio
import contextlib
import sys
import traceback

LIMIT_SECONDS = 240


class Report:
    failures = 0

    def __init__(self, part: str):
        self.part = part

    @contextlib.asynccontextmanager
    async def check(self, what: str):
        """Runs one check. A failure is printed; the checks after it still run."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                yield
        except Exception as error:
            Report.failures += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            why = f"{type(error).__name__}: {error}".replace("\n", "\n     ")
            print(f"FAIL {self.part} {what}\n     {why}\n     ({where.filename}:{where.lineno})", flush=True)
        else:
            print(f"ok {self.part} {what}", flush=True)


def figure(text: str):
    """A line for people that ./run does not count."""
    print(f"   {text}", flush=True)


async def until(seconds: float, what: str, ask):
    """Asks again until `ask` answers with something true, or the time is over; gives the answer. A question that hangs
    ends with the time, too."""

    async def asks():
        while not (answer := await ask()):
            await asyncio.sleep(0.05)
        return answer

    try:
        return await asyncio.wait_for(asks(), seconds)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {seconds} s") from None


def run(main):
    """Runs the checks of a file, and ends with 1 when one of them failed."""
    asyncio.run(main)
    sys.exit(1 if Report.failures else 0)
