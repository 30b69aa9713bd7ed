"""How many sites the account may have, which web apps and websites share; that they do is a guess."""

from deployer.sandbox.endpoint import Call


def allows_another(call: Call) -> bool:
    disabled_too = call.switches.disabled_webapps_count
    return call.account.domains.count_sites(disabled_too=disabled_too) < call.account.options.webapp_limit


def allows_enabling(call: Call) -> bool:
    """As it was seen (pypawapi): enabling what is enabled is refused, too, where no more would be allowed."""
    return call.account.domains.count_sites(disabled_too=False) < call.account.options.webapp_limit


def refusal_text(call: Call) -> str:
    return (
        f"You cannot create any more webapps - your account only allows {call.account.options.webapp_limit}"
    )
