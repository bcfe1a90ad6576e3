"""One line for each check: `ok CLIENT TRANSPORT REVISION WHAT`, or FAIL and why. ./run counts the lines."""

import contextlib
import time

import anyio

LIMIT_SECONDS = 60


class Report:
    failures = 0

    def __init__(self, client: str, transport: str, revision: str):
        self.name = f"{client} {transport} {revision}"

    @contextlib.contextmanager
    def check(self, what: str):
        """Runs one check. A failure is printed; the checks after it still run."""
        try:
            with anyio.fail_after(LIMIT_SECONDS):
                yield
        except Exception as error:
            Report.failures += 1
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            why = f"{type(error).__name__}: {error}".replace("\n", "\n     ")
            print(f"FAIL {self.name} {what}\n     {why}", flush=True)
        else:
            print(f"ok {self.name} {what}", flush=True)


async def until(seconds: float, what: str, ask):
    """Asks again until `ask` answers with something true, or the time is over."""
    end = time.monotonic() + seconds
    while not (answer := await ask()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        await anyio.sleep(0.1)
    return answer
