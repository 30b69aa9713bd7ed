"""`cpu/`: how much of the day's CPU time is used."""

from datetime import UTC, datetime, time, timedelta

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.replies import reply


async def show(call: Call) -> Response:
    """CPU seconds are those of consoles and tasks, not of web apps (help page WhatAreCPUSeconds).

    The time of the reset has no zone (fixtures of pythonanywhere-core); that it is UTC is a guess.
    """
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    return reply(
        {
            "daily_cpu_limit_seconds": call.account.options.limits.cpu_seconds_a_day,
            "next_reset_time": datetime.combine(tomorrow, time()).isoformat(),
            "daily_cpu_total_usage_seconds": call.account.options.cpu_used_s,
        }
    )


ENDPOINTS = (Endpoint(name="cpu/", handlers={"GET": show}),)
