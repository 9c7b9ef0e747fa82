"""What a session keeps of limits: written down while it is at work, for the next one and for who looks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from panvox.compose.keeping import open_keeping
from panvox.compose.opening import ask, open_session
from panvox.limits.configured import Overrides
from panvox.limits.learnt_file import ALIVE, Known, LearntFile
from panvox.limits.standings import LiveScope
from panvox.policies.breaking import Breakers
from panvox.protocols import Demand, Scope
from panvox.settings import Settings, load
from panvox.settings.places import learnt_limits_file
from panvox.simulator import Fleet, VirtualModel, VirtualProvider, settings_for, simulate

ACCOUNT = Scope("account", "openai/main")


async def kept() -> Known:
    return await asyncio.to_thread(LearntFile(learnt_limits_file(), max_age=1e6).load, now=time.time())


@pytest.mark.looptime
async def test_while_a_session_is_at_work_others_can_see_what_is_on_its_way_and_what_waits() -> None:
    settings = Settings.model_validate({"providers": [{"id": "openai", "account_limits": {"slots": 1}}]})
    async with open_keeping(settings, Overrides(), note=pytest.fail) as keeping:
        keeping.breakers = Breakers()
        permits = [keeping.limiter.permit(Demand(scopes=(ACCOUNT,), model="openai/m")) for _ in range(3)]
        holds = [await permit.wait() for permit in permits]
        assert [hold is None for hold in holds] == [True, False, False]
        await asyncio.sleep(ALIVE / 2)
        assert (await kept()).live.scopes == (LiveScope(scope=ACCOUNT, slots=1, waiting=2),)
        for permit in permits:
            permit.close()
    assert (await kept()).processes == ()


async def test_the_next_session_knows_how_long_answers_are(tmp_path: Path) -> None:
    fleet = Fleet((VirtualProvider("oak", models=(VirtualModel("a"),)),))
    async with simulate(fleet, speed=0) as server:
        file = tmp_path / "panvox.toml"
        file.write_text(settings_for(fleet, url=server.url))
        settings = await asyncio.to_thread(load, explicit=file, environ={})
        await ask("What is 17 + 25?", settings=settings)
        assert (await kept()).estimates["oak/a"].answer is not None
        async with open_session(settings) as session:
            assert session.keeping.estimates.known == (await kept()).estimates
