"""Work that would keep other requests waiting: sites, and directories of any size."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

AT_A_TIME = 32  # in each pool; more wait


class Threads(ThreadPoolExecutor):
    """Visitors have a pool of their own: those of a site that hangs must not keep its reload waiting."""

    def __init__(self) -> None:
        super().__init__(AT_A_TIME, thread_name_prefix="sandbox")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The outcome of the work, whatever it raises included."""
        return await asyncio.get_running_loop().run_in_executor(self, partial(work, *args, **kwargs))
