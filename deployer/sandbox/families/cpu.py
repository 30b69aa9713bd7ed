"""`cpu/`: how much of the day's CPU time is used."""

from datetime import datetime, time, timedelta

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.replies import reply
from deployer.sandbox.shapes import NUMBER, TEXT, thing


async def show(call: Call) -> Response:
    """CPU seconds are those of consoles and tasks, not of web apps (help page WhatAreCPUSeconds).

    The time of the reset has no zone (fixtures of pythonanywhere-core); that it is UTC is a guess.
    """
    account = call.account
    today = account.clock.today()
    before_it_ran = account.options.cpu_used_s if today == account.clock.began else 0.0
    return reply(
        {
            "daily_cpu_limit_seconds": account.options.limits.cpu_seconds_a_day,
            "next_reset_time": datetime.combine(today + timedelta(days=1), time()).isoformat(),
            "daily_cpu_total_usage_seconds": round(before_it_ran + account.commands.used_s, 6),
        }
    )


SHAPE = thing(
    {
        "daily_cpu_limit_seconds": NUMBER,
        "next_reset_time": TEXT,
        "daily_cpu_total_usage_seconds": {"type": "number"},
    }
)
ENDPOINTS = (Endpoint(name="cpu/", handlers={"GET": show}, gives={"GET": {200: SHAPE}}),)
