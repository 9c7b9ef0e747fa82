"""The fan-out: one task a member, one reader, and a ledger in which every member ends.

    Run       members and their conversation; one turn at a time
      Turn    one prompt on its way: an async iterator of run events, and the ledger behind it

Leaving a turn early cancels what is open and books it; nothing outlives the context.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from panvox.curation import Rules
from panvox.engine.conversation import Past, prompt_for
from panvox.engine.turn import Manner, Member, Turn
from panvox.engine.waves import Cascade, Means, NullPurse
from panvox.errors import UsageError
from panvox.messages import Outcome, Prompt
from panvox.protocols import Journal, Purse
from panvox.waiting import Stop, Wait

__all__ = ["Member", "Run", "Turn", "new_run_id"]


def new_run_id() -> str:
    """An id that sorts by time and is short enough to type: `20261121-035812-4f7a`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Run:
    """A panel and its conversation. Each turn asks every member; members keep their own history."""

    def __init__(
        self,
        members: Sequence[Member],
        *,
        journal: Journal,
        run_id: str | None = None,
        past: Sequence[Past] = (),
        purse: Purse | None = None,
        tag: str = "",
        cascade: Cascade | None = None,
        rules: Rules | None = None,
    ) -> None:
        """`past` continues an earlier run. Raises `ValueError` if two members have one name.

        `purse` pays for members that cost money, under `tag`, and is closed by whoever made it; without one
        nothing is counted. A `cascade` asks them in waves, the dearer ones only while the others are not
        sure. `rules` are what the verdicts go by.
        """
        names = [member.identity.name for member in members]
        if len(set(names)) != len(names):
            raise ValueError("two members of a panel have the same name")
        self.id = run_id or new_run_id()
        self.members = tuple(members)
        self._journal = journal
        self._past = list(past)
        self._under_way = False
        self._means = Means(purse=purse or NullPurse(), tag=tag, cascade=cascade)
        self.rules = rules or Rules()
        self._latencies: dict[str, float] = {}

    @asynccontextmanager
    async def turn(
        self,
        prompt: Prompt,
        *,
        wait: Wait | None = None,
        stop: Stop | None = None,
        deadline: float | None = None,
        rules: Rules | None = None,
        landed: Sequence[Outcome] = (),
    ) -> AsyncIterator[Turn]:
        """Ask every member; `deadline` is the turn's ceiling in seconds.

        Members of `landed` outcomes are not asked: those outcomes stand, as if they had come first. Under
        `stop` the turn ends once the answer is decided, whatever `wait` says. Without `rules` those of the
        run hold.

        `prompt` holds what this turn adds to the conversation. On leaving, open members are cancelled and
        booked, and the journal has everything. Errors of the body come out bare. Raises `UsageError` while
        an earlier turn is under way: what both cost could not be told apart.
        """
        if self._under_way:
            raise UsageError(
                f"the run {self.id} is still at an earlier prompt: wait for its end, or open another run"
            )
        self._under_way = True
        try:
            manner = Manner(
                wait=wait or Wait(),
                stop=stop or Stop(),
                deadline=deadline,
                rules=rules or self.rules,
                landed=landed,
            )
            async with self._one_turn(prompt, manner) as turn:
                yield turn
        finally:
            self._under_way = False

    @asynccontextmanager
    async def _one_turn(self, prompt: Prompt, manner: Manner) -> AsyncIterator[Turn]:
        turn = Turn(
            self.id,
            len(self._past),
            prompt,
            self.members,
            manner,
            prompt_for=self.prompt_for,
            latency=self._latency,
            journal=self._journal,
            means=self._means,
        )
        error: BaseException | None = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(turn.drive(), name=f"turn {self.id}/{turn.number}")
            try:
                yield turn
            except BaseException as raised:  # noqa: ASYNC103, BLE001 - raised again outside the task group
                error = raised
            finally:
                turn.leave()
        self._past.append(turn.past())
        self._latencies |= {o.member.name: o.duration for o in turn.outcomes if o.answered and not o.cached}
        if error is not None:
            raise error

    def prompt_for(self, member: str, prompt: Prompt) -> Prompt:
        """What `member` is asked when the conversation goes on with `prompt`."""
        return prompt_for(member, self._past, prompt)

    def _latency(self, member: Member) -> float | None:
        """Seconds that an answer of `member` takes by what is known, its own deadline at most."""
        seconds = self._latencies.get(member.identity.name, member.latency)
        return min((each for each in (seconds, member.deadline) if each is not None), default=None)
